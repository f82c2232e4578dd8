from django.urls import path

from cases import urls_portal, webhooks
from cases.views import chat, surveys, widget

app_name = "cases"

urlpatterns = [
    *urls_portal.urlpatterns,
    path("chat/start", chat.start, name="chat-start"),
    path("chat/widget/", widget.frame, name="chat-frame"),
    path("chat/widget.js", chat.widget, name="chat-widget"),
    path("privacy/", widget.privacy, name="privacy"),
    path("chat/<uuid:ref>/messages", chat.messages, name="chat-messages"),
    path("chat/<uuid:ref>/close", chat.close, name="chat-close"),
    path("chat/<uuid:ref>/forms", chat.form, name="chat-form"),
    path("survey/", surveys.survey, name="survey"),
    path("surveys/", surveys.waiting, name="surveys"),
    path("surveys/<uuid:ref>/", surveys.mine, name="survey-mine"),
    path("chat/<uuid:ref>/files/<uuid:document>", chat.file, name="chat-file"),
    path("chat/<uuid:ref>/uploads", chat.upload, name="chat-upload"),
    path("chat/<uuid:ref>/uploads/", chat.upload, name="chat-uploads"),
    path("chat/<uuid:ref>/uploads/<uuid:upload_ref>/", chat.upload_chunk, name="chat-upload-chunk"),
    path("chat/<uuid:ref>/uploads/<uuid:upload_ref>/finish/", chat.upload_finish, name="chat-upload-finish"),
    path("webhooks/sms/", webhooks.sms_in, name="sms-in"),
    path("webhooks/voice/<uuid:ref>/", webhooks.voice, name="voice"),
    path("webhooks/voice/<uuid:ref>/digits/", webhooks.voice_digits, name="voice-digits"),
    path("webhooks/voice/<uuid:ref>/status/", webhooks.voice_status, name="voice-status"),
]
