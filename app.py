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
from chalicelib.generation.callbacks.routes import door as callbacks
from chalicelib.generation.catalog.routes import door as catalog
from chalicelib.generation.compat.routes import door as images
from chalicelib.generation.handing.routes import door as results
from chalicelib.generation.routes import door as generation
from chalicelib.generation.worker import blueprint as generation_worker
from chalicelib.keys.routes import door as keys
from chalicelib.notices.worker import blueprint as notices_worker
from chalicelib.reference.routes import door as reference
from chalicelib.signing.routes import door as signing
from chalicelib.uploads.routes import door as uploads
from chalicelib.uploads.worker import blueprint as uploads_worker
from chalicelib.webhooks.delivering.routes import door as webhook_deliveries
from chalicelib.webhooks.routes import door as webhooks
from chalicelib.webhooks.worker import blueprint as webhooks_worker

app = Application(app_name="fotogenic", configure_logs=False)

for door in (
    accounts,
    auto_top_up,
    billing,
    callbacks,
    catalog,
    credits,
    generation,
    images,
    keys,
    reference,
    results,
    signing,
    stripe_events,
    subscription,
    uploads,
    usage,
    webhook_deliveries,
    webhooks,
):
    app.register_blueprint(door.blueprint)
for worker in (billing_worker, credits_worker, generation_worker, notices_worker, uploads_worker, webhooks_worker):
    app.register_blueprint(worker)
