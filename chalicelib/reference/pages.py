"""The reference and the problem pages as HTML: no script, one style sheet, nothing from elsewhere."""

from functools import cache
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from chalicelib.kernel.errors import Problem

STYLE = """
:root{color-scheme:light dark;--ink:#1b1b22;--paper:#fff;--soft:#f4f4f8;--line:#dcdce6;--accent:#4b3fd0;--dim:#5d5d6b}
@media (prefers-color-scheme:dark){:root{--ink:#ececf2;--paper:#16161c;--soft:#20202a;--line:#34343f;--accent:#a59dff;
--dim:#a5a5b4}}
*{box-sizing:border-box}body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
.shell{display:grid;grid-template-columns:16rem minmax(0,1fr);max-width:76rem;margin:0 auto}
nav{padding:2rem 1rem;position:sticky;top:0;max-height:100vh;overflow:auto;font-size:.875rem}
nav ul{list-style:none;margin:0 0 1rem;padding:0}
nav a{display:block;padding:.15rem 0;color:var(--dim);text-decoration:none}
nav a:hover{color:var(--accent)}main{padding:2rem;min-width:0}h1{font-size:1.9rem;margin:0 0 1rem}
h2{margin:3rem 0 1rem;text-transform:capitalize}h3{margin:0;font-size:1.1rem}
article{border:1px solid var(--line);border-radius:.6rem;padding:1.25rem;margin:0 0 1.25rem;background:var(--paper)}
code{font:.9em ui-monospace,monospace;background:var(--soft);padding:.1em .35em;border-radius:.3em;
overflow-wrap:anywhere}
.route{display:block;margin:.4rem 0 .6rem;padding:.5rem .7rem}.verb{font-weight:700;color:var(--accent)}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.5rem 0}th,td{text-align:left;vertical-align:top;
padding:.4rem .6rem .4rem 0;border-top:1px solid var(--line)}th{color:var(--dim);font-weight:600}
a{color:var(--accent)}.dim{color:var(--dim)}.alone{max-width:42rem;margin:10vh auto;padding:0 1.5rem}
@media (max-width:48rem){.shell{display:block}nav{position:static;max-height:none;padding-bottom:0}main{padding:1rem}}
"""

_FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{{ title }} · Fotogenic</title>
<style>{{ style|safe }}</style></head><body>{% block body %}{% endblock %}</body></html>"""

_MEMBERS = """{% macro members(schema) %}<table><thead><tr><th>Member</th><th>Type</th><th>Meaning</th></tr></thead>
<tbody>
{% for name, member in schema.get('properties', {}).items() %}<tr><td><code>{{ name }}</code>
{% if name in schema.get('required', []) %}<span class="dim">required</span>{% endif %}</td>
<td>{{ kind(member) }}</td><td>{{ member.get('description', '')|inline }}</td></tr>{% endfor %}</tbody>
</table>{% endmacro %}
"""

_REFERENCE = (
    """{% extends 'frame' %}{% from 'members' import members with context %}{% block body %}<div class="shell">
<nav aria-label="Routes">{% for room, routes in rooms.items() %}<strong>{{ room }}</strong><ul>
{% for route in routes %}<li><a href="#{{ route.id }}">{{ route.summary }}</a></li>{% endfor %}</ul>{% endfor %}</nav>
<main><h1>{{ title }}</h1>{% for paragraph in introduction %}<p>{{ paragraph|inline }}</p>{% endfor %}
<p><a href="openapi.json">openapi.json</a></p>
{% for room, routes in rooms.items() %}<h2>{{ room }}</h2>{% for route in routes %}<article id="{{ route.id }}">
<h3>{{ route.summary }}</h3><code class="route"><span class="verb">{{ route.method }}</span> {{ route.path }}</code>
<p>{{ route.description|inline }}</p>"""
    """{% if route.parameters %}<table><thead><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr></thead><tbody>
{% for p in route.parameters %}<tr><td><code>{{ p.name }}</code></td><td>{{ p['in'] }}</td>
<td>{{ p.get('description', '') }}</td></tr>{% endfor %}</tbody></table>{% endif %}
{% if route.body %}<h4>Body</h4>{{ members(route.body) }}{% endif %}
{% if route.answer %}<h4>Answer {{ route.status }}</h4>{{ members(route.answer) }}{% endif %}
<p class="dim">{% for code in route.problems %}<a href="problems/{{ code }}">{{ code }}</a> {% endfor %}</p>
</article>{% endfor %}{% endfor %}</main></div>{% endblock %}"""
)

_PROBLEM = """{% extends 'frame' %}{% block body %}<main class="alone"><p class="dim">Problem <code>{{ code }}</code>,
HTTP {{ status }}</p><h1>{{ heading }}</h1><p>{{ advice|inline }}</p><p><a href="../docs">The API reference</a></p>
</main>{% endblock %}"""


def problem(found: type[Problem]) -> str:
    """The page of one problem: what it means and what to do."""
    return _template("problem").render(
        title=found.title,
        style=STYLE,
        code=found.code,
        status=found.status,
        heading=found.title,
        advice=found.advice,
    )


def reference(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document, for people."""
    schemas = document["components"]["schemas"]
    rooms: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            rooms.setdefault(operation["tags"][0], []).append(_route(path, method, operation, schemas))
    return _template("reference").render(
        title="API reference",
        style=STYLE,
        introduction=document["info"]["description"].split("\n\n"),
        rooms=dict(sorted(rooms.items())),
    )


def _route(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    status = next(code for code in operation["responses"] if code[0] in "23")
    problems = [
        code.strip("`")
        for status, response in operation["responses"].items()
        if status[0] in "45"
        for code in response["description"].split(" or ")
    ]
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation.get("description", ""),
        "parameters": operation["parameters"],
        "body": _schema(operation.get("requestBody", {}), schemas),
        "answer": _schema(operation["responses"][status], schemas),
        "status": status,
        "problems": problems,
    }


def _schema(holder: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = holder.get("content", {}).get("application/json", {}).get("schema", {})
    named: dict[str, Any] = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    return named


def _kind(schema: dict[str, Any]) -> str:
    """A schema's type in a few words: `string or null`, `list of AssetView`."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(_kind(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " · ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("const") or schema.get("type") or "any")


def _inline(text: str) -> Markup:
    """Text with what is between backticks as code; everything is escaped."""
    parts = [escape(part) for part in text.split("`")]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if odd % 2 else part for odd, part in enumerate(parts)
    )


@cache
def _environment() -> Environment:
    sources = {"frame": _FRAME, "members": _MEMBERS, "reference": _REFERENCE, "problem": _PROBLEM}
    made = Environment(loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined)
    made.globals["kind"] = _kind
    made.filters["inline"] = _inline
    return made


def _template(name: str) -> Template:
    return _environment().get_template(name)
