"""Registers the rooms' doors, nothing else."""

from chalicelib.accounts.routes import door as accounts
from chalicelib.credits.routes import door as credits
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

for door in (accounts, catalog, credits, generation, keys, reference, uploads):
    app.register_blueprint(door.blueprint)
for worker in (generation_worker, notices_worker, uploads_worker):
    app.register_blueprint(worker)
