#!/bin/sh
# Sends one session event: sh produce_kcat.sh HOST:PORT TUTOR_ID SESSION_ID
set -eu
# The identity of the fact: keep it and send it again after a failure, and it is counted once.
event_id=$(cat /proc/sys/kernel/random/uuid)
printf '%s|{"event_id": "%s", "event_type": "completed", "session_id": "%s", "tutor_id": "%s", "student_id": "student-17", "scheduled_start": "2026-03-02T15:00:00Z", "occurred_at": "2026-03-02T16:00:00Z"}\n' \
    "$2" "$event_id" "$3" "$2" |
    kcat -P -b "$1" -t tutoring.sessions.lifecycle.v1 -K '|' -X enable.idempotence=true -X acks=all
