"""Files in and out."""

from django.urls import path

from portal.views import documents, uploads

urlpatterns = [
    path("uploads/", uploads.collection, name="uploads"),
    path("uploads/<uuid:ref>/", uploads.one, name="upload"),
    path("uploads/<uuid:ref>/finish/", uploads.finish, name="upload-finish"),
    path("uploads/<uuid:ref>/withdraw/", uploads.withdraw, name="upload-withdraw"),
    path("files/<uuid:ref>/", documents.download, name="document"),
    path("files/<uuid:ref>/preview/", documents.preview, name="document-preview"),
    path("files/<uuid:ref>/thumbnail/", documents.thumbnail, name="document-thumbnail"),
]
