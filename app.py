"""Registers the rooms' doors, nothing else."""

from chalicelib.accounts.routes import door as accounts
from chalicelib.billing.autotopup.routes import door as auto_top_up
from chalicelib.billing.events.routes import door as stripe_events
from chalicelib.billing.routes import door as billing
from chalicelib.billing.subscription.routes import door as subscription
from chalicelib.billing.worker import blueprint as billing_worker
from chalicelib.credits.routes import door as credits
from chalicelib.credits.used.routes import door as usage
from chalicelib.credits.worker import blueprint as credits_worker
from chalicelib.edge.application import Application
from chalicelib.generation.catalog.routes import door as catalog
from chalicelib.generation.routes import door as generation
from chalicelib.generation.worker import blueprint as generation_worker
from chalicelib.keys.routes import door as keys
from chalicelib.notices.worker import blueprint as notices_worker
from chalicelib.reference.routes import door as reference
from chalicelib.uploads.routes import door as uploads
from chalicelib.uploads.worker import blueprint as uploads_worker

app = Application(app_name="fotogenic", configure_logs=False)

for door in (
    accounts,
    auto_top_up,
    billing,
    catalog,
    credits,
    generation,
    keys,
    reference,
    stripe_events,
    subscription,
    uploads,
    usage,
):
    app.register_blueprint(door.blueprint)
for worker in (billing_worker, credits_worker, generation_worker, notices_worker, uploads_worker):
    app.register_blueprint(worker)
