"""Pages beside the queue."""

from django.urls import path

from agents.views import circumstances, complaints, downtime, incidents, intake

floor = [
    path("floor/", downtime.floor, name="floor"),
    path("floor/intake/", intake.referrals, name="referrals"),
    path("floor/intake/<uuid:ref>/", intake.referral, name="referral"),
    path("floor/intake/<uuid:ref>/decline/", intake.referral_decline, name="referral-decline"),
    path("floor/intake/<uuid:ref>/record/", intake.referral_record, name="referral-record"),
    path("floor/intake/<uuid:ref>/<slug:act>/", intake.referral_act, name="referral-act"),
    path("floor/alike/", intake.look_alikes, name="look-alikes"),
    path("floor/alike/sweep/", intake.sweep, name="look-alikes-sweep"),
    path("floor/alike/<uuid:ref>/", intake.look_alike, name="look-alike"),
    path("floor/alike/merges/<int:pk>/undo/", intake.unmerge, name="unmerge-records"),
    path("floor/complaints/", complaints.complaints, name="complaints"),
    path("floor/complaints.csv", complaints.export, name="complaints-export"),
    path("floor/complaints/<uuid:ref>/", complaints.complaint, name="complaint"),
    path("floor/complaints/<uuid:ref>/acknowledge/", complaints.acknowledge, name="complaint-acknowledge"),
    path("floor/incidents/", incidents.incidents, name="incidents"),
    path("floor/incidents/<uuid:ref>/", incidents.incident, name="incident"),
    path("floor/incidents/<uuid:ref>/runs/", incidents.incident_runs, name="incident-runs"),
    path("floor/incidents/<uuid:ref>/say/", incidents.incident_say, name="incident-say"),
    path("floor/incidents/<uuid:ref>/resolve/", incidents.incident_resolve, name="incident-resolve"),
    path("floor/announcements/", incidents.announcements, name="announcements"),
    path(
        "floor/announcements/<int:pk>/withdraw/",
        incidents.announcement_withdraw,
        name="announcement-withdraw",
    ),
    path("floor/downtime/", downtime.sheet, name="downtime"),
    path("floor/disaster/", downtime.disaster_list, name="disaster-list"),
    path("told/", downtime.told, name="told"),
    path("told/<int:pk>/", downtime.told_seen, name="told-seen"),
    path("cases/<str:number>/stay/", circumstances.stay, name="case-stay"),
    path("cases/<str:number>/died/", circumstances.died, name="case-died"),
    path("cases/<str:number>/needs/", circumstances.needs, name="case-needs"),
    path("cases/<str:number>/complaint/", circumstances.complaint, name="case-complaint"),
    path("cases/<str:number>/incident/", circumstances.incident, name="case-incident"),
]
