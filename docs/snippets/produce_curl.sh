#!/bin/sh
# Sends one session event: sh produce_curl.sh http://HOST:PORT KEY TUTOR_ID SESSION_ID
# KEY is of `tq keys create NAME --scopes ingest`. The same session and status is the same event.
set -eu
curl --fail-with-body --silent --show-error --retry 5 --retry-all-errors "$1/api/sessions" \
    -H "X-API-Key: $2" -H 'Content-Type: application/json' -d "{
      \"session_id\": \"$4\", \"tutor_id\": \"$3\", \"student_id\": \"student-17\",
      \"scheduled_time\": \"2026-03-02T15:00:00Z\", \"completed_time\": \"2026-03-02T16:00:00Z\",
      \"status\": \"completed\"}"
