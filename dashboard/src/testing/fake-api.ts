/** Answers like the API, from fixtures: for tests (through MSW) and for `npm run dev:mock`. */
import type { TutorSummary, UpcomingSession } from '../lib/api-types.ts';
import {
  aModelDetail,
  anOverview,
  aPipeline,
  aTutorDetail,
  manyAlerts,
  manyEvents,
  manyReschedules,
  manyRiskChanges,
  manyTutors,
  manyUpcoming,
  someModels,
  weekly,
} from './fixtures.ts';

interface Answer {
  status: number;
  body: unknown;
}

export type FakeApi = (method: string, url: URL) => Answer;

const TUTORS = 180;

/** `now` in epoch milliseconds. */
export function createFakeApi(now: () => number): FakeApi {
  const acknowledged = new Map<string, string>();
  return (method, url) => {
    const parts = url.pathname.split('/').slice(2);
    if (method === 'POST') return post(parts, acknowledged, now());
    return get(parts, url.searchParams, acknowledged, now());
  };
}

function post(parts: string[], acknowledged: Map<string, string>, now: number): Answer {
  const [resource, id, action] = parts;
  if (resource === 'alerts' && id && action === 'acknowledge') {
    acknowledged.set(id, new Date(now).toISOString());
  }
  if (resource === 'upcoming-sessions' && id && action === 'refresh') {
    acknowledged.set(id, new Date(now).toISOString());
    return ok({ id, command_id: id, requested_at: new Date(now).toISOString(), location: '' });
  }
  return ok({});
}

function get(
  [resource, id, part]: string[],
  query: URLSearchParams,
  acknowledged: Map<string, string>,
  now: number,
): Answer {
  const tutors = manyTutors(TUTORS, now);
  switch (resource) {
    case 'me':
      return ok({ principal: 'admin', scopes: ['read', 'admin'] });
    case 'overview':
      return ok(anOverview(tutors, now));
    case 'pipeline':
      return ok(aPipeline(now));
    case 'models':
      return id === undefined ? ok(someModels(now)) : ok(aModelDetail(id, now));
    case 'alerts': {
      const alerts = manyAlerts(tutors, now).map((alert) => ({
        ...alert,
        acknowledged_at: acknowledged.get(alert.event_id) ?? alert.acknowledged_at,
      }));
      const open = query.get('acknowledged') === 'false';
      const shown = alerts.filter((alert) => !open || alert.acknowledged_at === null);
      return ok(page(shown, query, 'alerts'));
    }
    case 'upcoming-sessions': {
      const sessions = manyUpcoming(tutors, now).map((session) =>
        acknowledged.has(session.id) ? { ...session, ...ANEW, predicted_at: iso(now) } : session,
      );
      if (id !== undefined) return aPrediction(sessions.find((session) => session.id === id));
      return ok(upcomingPage(sessions, query));
    }
    case 'tutors':
      return id === undefined ? ok(tutorPage(tutors, query, now)) : tutorPart(id, part, query, now);
    default:
      return { status: 404, body: { title: 'Not found' } };
  }
}

const ANEW = { reschedule_probability: 0.77, risk_level: 'high' } as const;

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function aPrediction(session: UpcomingSession | undefined): Answer {
  if (session === undefined) return { status: 404, body: { title: 'Not found' } };
  const features = { tutor_effect_14d: 1.4, lead_hours: 30, student_bad_share: null };
  return ok({ ...session, asked_for: 'mark', features });
}

function upcomingPage(sessions: UpcomingSession[], query: URLSearchParams) {
  const limit = Number(query.get('limit') ?? 50);
  const offset = Number(query.get('offset') ?? 0);
  const risk = query.get('risk_level');
  const tutor = query.get('tutor_id');
  const found = sessions
    .filter((session) => !risk || session.risk_level === risk)
    .filter((session) => !tutor || session.tutor_id === tutor);
  if (query.get('sort_by') === 'reschedule_probability') {
    found.sort((a, b) => (b.reschedule_probability ?? -1) - (a.reschedule_probability ?? -1));
  }
  return {
    sessions: found.slice(offset, offset + limit),
    total: found.length,
    limit,
    offset,
    next_cursor: null,
    as_of: null,
  };
}

function tutorPart(
  id: string,
  part: string | undefined,
  query: URLSearchParams,
  now: number,
): Answer {
  const index = Number(id.slice(-12));
  if (Number.isNaN(index) || index >= TUTORS) {
    return { status: 404, body: { title: 'Not found', detail: `There is no tutor ${id}.` } };
  }
  switch (part) {
    case 'history':
      return ok({
        reschedules: manyReschedules(index, 23, now),
        trend: { reschedule_rate_by_week: weekly(26, 11, index, now) },
        as_of: new Date(now).toISOString(),
      });
    case 'events':
      return ok(page(manyEvents(index, 60, now), query, 'events'));
    case 'risk-timeline':
      return ok({ changes: manyRiskChanges(now) });
    default:
      return ok(aTutorDetail(index, now));
  }
}

function page<T>(all: T[], query: URLSearchParams, name: string) {
  const from = Number(query.get('cursor') ?? 0);
  const to = from + Number(query.get('limit') ?? 50);
  return { [name]: all.slice(from, to), next_cursor: to < all.length ? String(to) : null };
}

function tutorPage(tutors: TutorSummary[], query: URLSearchParams, now: number) {
  const limit = Number(query.get('limit') ?? 50);
  const offset = Number(query.get('offset') ?? 0);
  const found = sorted(tutors.filter(matches(query)), query);
  return {
    tutors: found.slice(offset, offset + limit),
    total: found.length,
    limit,
    offset,
    as_of: new Date(now).toISOString(),
    next_cursor: null,
  };
}

function matches(query: URLSearchParams): (tutor: TutorSummary) => boolean {
  const search = (query.get('search') ?? '').toLowerCase();
  const status = query.get('risk_status');
  return (tutor) =>
    tutor.name.toLowerCase().includes(search) && (!status || hasRisk(tutor, status));
}

function hasRisk(tutor: TutorSummary, status: string): boolean {
  if (status === 'warning') return tutor.risk_level === 'warning';
  return tutor.is_high_risk === (status === 'high_risk');
}

function sorted(tutors: TutorSummary[], query: URLSearchParams): TutorSummary[] {
  const by = (query.get('sort_by') ?? 'name') as keyof TutorSummary;
  const sign = query.get('sort_order') === 'desc' ? -1 : 1;
  return tutors.toSorted((a, b) => {
    const [x, y] = [a[by] ?? -1, b[by] ?? -1];
    return x < y ? -sign : x > y ? sign : 0;
  });
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}
