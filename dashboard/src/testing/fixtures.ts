/** Made-up answers of the API, the same at every run. For tests and for `npm run dev:mock`. */
import type {
  Alert,
  Evidence,
  LiveFigures,
  ModelDetail,
  ModelFigures,
  Models,
  Overview,
  Pipeline,
  Reschedule,
  RiskChange,
  RiskLevel,
  SessionEvent,
  TutorDetail,
  TutorStatistics,
  TutorSummary,
  UpcomingSession,
  Window,
} from '../lib/api-types.ts';

const THRESHOLD = 15;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const FIRST = ['Ada', 'Bruno', 'Chen', 'Dalia', 'Emeka', 'Freya', 'Goran', 'Hana', 'Ivo', 'Jun'];
const LAST = [
  'Adeyemi',
  'Brandt',
  'Costa',
  'Dimitrov',
  'Eriksen',
  'Fischer',
  'García',
  'Haddad',
  'Ibrahim',
  'Jansen',
  'Kovač',
  'Lindqvist',
  'Moreau',
  'Nakamura',
  'Okafor',
  'Petrov',
  'Quinn',
  'Rossi',
];
const REASONS = ['illness', 'schedule_conflict', 'technical_problem', 'personal'];

export function tutorId(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A number in [0, 1) that depends on nothing but its arguments. */
function chance(...seeds: number[]): number {
  let state = 2_166_136_261;
  for (const seed of seeds) state = Math.imul(state ^ (seed + 0x9e37), 16_777_619);
  state = Math.imul(state ^ (state >>> 15), 2_246_822_507);
  return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
}

function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 10_000) / 100;
}

interface Counts {
  total: number;
  moved: number;
}

function countsOf(index: number): Record<Window, Counts> {
  if (index % 41 === 40) {
    return {
      '7d': { total: 0, moved: 0 },
      '30d': { total: 0, moved: 0 },
      '90d': { total: 0, moved: 0 },
    };
  }
  const rate = 0.26 * chance(index, 1) ** 2.4;
  const month = 4 + Math.floor(40 * chance(index, 2));
  const counts = (total: number, salt: number): Counts => ({
    total,
    moved: Math.min(total, Math.round(total * rate * (0.7 + 0.6 * chance(index, salt)))),
  });
  return {
    '7d': counts(Math.floor(month / 4), 3),
    '30d': counts(month, 4),
    '90d': counts(month * 3 - 2, 5),
  };
}

function judge(counts: Record<Window, Counts>): {
  level: RiskLevel;
  evidence: Evidence | null;
  reasons: Window[];
} {
  const rates = (['7d', '30d', '90d'] as const).map((window) => ({
    window,
    rate: percent(counts[window].moved, counts[window].total) ?? 0,
  }));
  const reasons = rates.filter(({ rate }) => rate > THRESHOLD).map(({ window }) => window);
  if (reasons.length === 0) {
    return {
      level: rates.some(({ rate }) => rate >= 10) ? 'warning' : 'low',
      evidence: null,
      reasons,
    };
  }
  const largest = Math.max(...reasons.map((window) => counts[window].total));
  const evidence = largest < 5 ? 'insufficient' : largest < 60 ? 'raw' : 'confirmed';
  return { level: 'high', evidence, reasons };
}

function windowsOf(counts: Record<Window, Counts>) {
  return {
    reschedule_rate_7d: percent(counts['7d'].moved, counts['7d'].total),
    reschedule_rate_30d: percent(counts['30d'].moved, counts['30d'].total),
    reschedule_rate_90d: percent(counts['90d'].moved, counts['90d'].total),
    total_sessions_7d: counts['7d'].total,
    total_sessions_30d: counts['30d'].total,
    total_sessions_90d: counts['90d'].total,
    tutor_reschedules_7d: counts['7d'].moved,
    tutor_reschedules_30d: counts['30d'].moved,
    tutor_reschedules_90d: counts['90d'].moved,
  };
}

function aTutor(index: number, now: number): TutorSummary {
  const counts = countsOf(index);
  const { level, evidence } = judge(counts);
  const first = FIRST[index % FIRST.length] ?? '';
  const last = LAST[Math.floor(index / FIRST.length) % LAST.length] ?? '';
  return {
    id: tutorId(index),
    name: `${first} ${last}`,
    email: `${first.toLowerCase()}.${index}@example.org`,
    external_id: index % 3 === 0 ? `T-${1000 + index}` : null,
    ...windowsOf(counts),
    is_high_risk: level === 'high',
    risk_level: level,
    evidence,
    last_calculated_at: iso(now - 4_000),
  };
}

export function aTutorDetail(index: number, now: number): TutorDetail {
  const { id, name, email, external_id } = aTutor(index, now);
  const counts = countsOf(index);
  const { level, evidence, reasons } = judge(counts);
  return {
    id,
    name,
    email,
    external_id,
    is_active: true,
    created_at: iso(now - 400 * DAY_MS),
    as_of: iso(now - 2_000),
    scores: {
      ...windowsOf(counts),
      is_high_risk: level === 'high',
      risk_level: level,
      evidence,
      risk_threshold: THRESHOLD,
      reasons,
      last_calculated_at: iso(now - 4_000),
      next_change_at: iso(now + 9 * HOUR_MS),
    },
    statistics: statisticsOf(counts),
  };
}

function statisticsOf(counts: Record<Window, Counts>): TutorStatistics {
  return {
    ...windowsOf(counts),
    no_show_rate_7d: 0,
    no_show_rate_30d: 2.5,
    no_show_rate_90d: 3.1,
    late_start_rate_7d: 11.11,
    late_start_rate_30d: 7.5,
    late_start_rate_90d: 6.25,
    early_end_rate_7d: null,
    early_end_rate_30d: 0,
    early_end_rate_90d: 1.04,
    average_rating_7d: null,
    average_rating_30d: 4.62,
    average_rating_90d: 4.55,
    completed_30d: counts['30d'].total - counts['30d'].moved,
    no_shows_30d: 1,
    cancelled_30d: counts['30d'].moved,
    first_sessions_30d: 4,
    first_sessions_lost_30d: 1,
    open_slots: 11,
  };
}

export function manyTutors(count: number, now: number): TutorSummary[] {
  return Array.from({ length: count }, (_, index) => aTutor(index, now));
}

function mondays(count: number, now: number): string[] {
  const today = new Date(now);
  const monday = now - ((today.getUTCDay() + 6) % 7) * DAY_MS;
  return Array.from({ length: count }, (_, week) =>
    iso(monday - (count - 1 - week) * 7 * DAY_MS).slice(0, 10),
  );
}

export function weekly(count: number, scale: number, salt: number, now: number) {
  return mondays(count, now).map((week, index) => {
    const total = Math.floor(scale * (0.6 + 0.6 * chance(salt, index)));
    const moved = Math.round(total * (0.06 + 0.13 * chance(salt, index, 7)));
    return { week, total, tutor_reschedules: moved, rate: percent(moved, total) };
  });
}

export function anOverview(tutors: TutorSummary[], now: number): Overview {
  const count = (level: RiskLevel) => tutors.filter((tutor) => tutor.risk_level === level).length;
  const high = tutors.filter((tutor) => tutor.is_high_risk);
  return {
    as_of: iso(now - 2_000),
    tutors: {
      total: tutors.length,
      high: high.length,
      warning: count('warning'),
      low: count('low'),
      confirmed: high.filter((tutor) => tutor.evidence === 'confirmed').length,
    },
    rates: { rate_7d: 9.87, rate_30d: 8.94, rate_90d: 8.71 },
    sessions: { total_7d: 1_912, total_30d: 8_204, total_90d: 24_377 },
    threshold: THRESHOLD,
    weekly: weekly(13, 2_000, 3, now),
    distribution: Array.from({ length: 20 }, (_, index) => {
      const from = index * 5;
      const to = from + 5;
      const within = (rate: number | null) => rate !== null && rate >= from && rate < to;
      return { from, to, tutors: tutors.filter((t) => within(t.reschedule_rate_30d)).length };
    }),
    newly_high_risk: high.slice(0, 7).map((tutor, index) => ({
      tutor_id: tutor.id,
      name: tutor.name,
      occurred_at: iso(now - (index * 7 + 0.4) * HOUR_MS),
      evidence: tutor.evidence,
      reasons: ['30d'],
      reschedule_rate_7d: tutor.reschedule_rate_7d,
      reschedule_rate_30d: tutor.reschedule_rate_30d,
      reschedule_rate_90d: tutor.reschedule_rate_90d,
    })),
  };
}

export function manyReschedules(index: number, count: number, now: number): Reschedule[] {
  return Array.from({ length: count }, (_, number) => {
    const at = now - (number * 4.3 + chance(index, number)) * DAY_MS;
    const notice = Math.round(90 * chance(index, number, 2) ** 2 * 10) / 10;
    return {
      id: `r-${index}-${number}`,
      session_id: tutorId(10_000 + number),
      student_id: `S-${100 + (number % 40)}`,
      initiator: chance(index, number, 3) < 0.75 ? 'tutor' : 'student',
      original_time: iso(at + notice * HOUR_MS),
      new_time: chance(index, number, 4) < 0.2 ? null : iso(at + (notice + 48) * HOUR_MS),
      reason: null,
      reason_code: REASONS[Math.floor(REASONS.length * chance(index, number, 5) ** 1.5)] ?? null,
      cancelled_at: iso(at),
      hours_before_session: notice,
      created_at: iso(at),
    };
  });
}

export function manyEvents(index: number, count: number, now: number): SessionEvent[] {
  return Array.from({ length: count }, (_, number) => {
    const moved = chance(index, number, 8) < 0.16;
    const at = now - (number + chance(index, number, 9)) * 19 * HOUR_MS;
    return {
      event_id: `e-${index}-${number}`,
      event_type: moved ? 'rescheduled' : 'completed',
      session_id: tutorId(20_000 + number),
      student_id: `S-${100 + ((index * 7 + number * 13) % 60)}`,
      scheduled_start: iso(moved ? at + 20 * HOUR_MS : at - HOUR_MS),
      occurred_at: iso(at),
      recorded_at: iso(at + 900),
      duration_minutes: 60,
      reason: null,
      started_at: moved ? null : iso(at - HOUR_MS),
      ended_at: moved ? null : iso(at),
      is_first_session: false,
      new_start: moved ? iso(at + 90 * HOUR_MS) : null,
      initiator: moved ? 'tutor' : null,
      reason_code: moved ? 'schedule_conflict' : null,
      rating: !moved && chance(index, number, 10) < 0.5 ? 5 : null,
    };
  });
}

export function manyRiskChanges(now: number): RiskChange[] {
  const windows = windowsOf({
    '7d': { total: 8, moved: 2 },
    '30d': { total: 31, moved: 6 },
    '90d': { total: 88, moved: 12 },
  });
  const states: [number, Evidence | null, Window[]][] = [
    [2, 'confirmed', ['7d', '30d']],
    [11, 'raw', ['7d', '30d']],
    [12, 'insufficient', ['7d']],
    [40, null, []],
    [46, 'raw', ['7d']],
  ];
  return states.map(([days, evidence, reasons], index) => ({
    event_id: `c-${index}`,
    occurred_at: iso(now - days * DAY_MS),
    transition: states.length - index,
    is_high_risk: evidence !== null,
    was_high_risk: (states[index + 1]?.[1] ?? null) !== null,
    evidence,
    previous_evidence: states[index + 1]?.[1] ?? null,
    reasons,
    risk_threshold: THRESHOLD,
    cause: evidence === null ? 'expiry' : 'event',
    ...windows,
  }));
}

export function manyAlerts(tutors: TutorSummary[], now: number): Alert[] {
  return tutors
    .filter((tutor) => tutor.is_high_risk)
    .map((tutor, index) => {
      const kinds = ['tutor_entered', 'tutor_evidence_changed', 'tutor_left'] as const;
      const kind = kinds[index % 4 === 3 ? 2 : index % 3 === 2 ? 1 : 0] ?? 'tutor_entered';
      const left = kind === 'tutor_left';
      return {
        event_id: `a-${index}`,
        kind,
        tutor_id: tutor.id,
        tutor_name: tutor.name,
        occurred_at: iso(now - (index * 5 + 0.3) * HOUR_MS),
        evidence: left ? null : tutor.evidence,
        reasons: left ? [] : ['7d', '30d'],
        session_id: null,
        reschedule_rate_7d: tutor.reschedule_rate_7d,
        reschedule_rate_30d: tutor.reschedule_rate_30d,
        reschedule_rate_90d: tutor.reschedule_rate_90d,
        risk_threshold: THRESHOLD,
        probability: null,
        scheduled_start: null,
        acknowledged_at: index % 3 === 1 ? iso(now - index * HOUR_MS) : null,
        acknowledged_by: index % 3 === 1 ? 'admin' : null,
      };
    });
}

export function manyUpcoming(tutors: TutorSummary[], now: number): UpcomingSession[] {
  return tutors.flatMap((tutor, index) => {
    const probability = index % 29 === 28 ? null : Math.round(chance(index, 21) ** 2 * 1000) / 1000;
    return {
      id: `11111111-0000-4000-8000-${String(index).padStart(12, '0')}`,
      tutor_id: tutor.id,
      tutor_name: tutor.name,
      student_id: `student-${index}`,
      student_name: `Student ${index}`,
      scheduled_time: iso(now + (index + 1) * HOUR_MS),
      duration_minutes: 60,
      status: 'scheduled' as const,
      reschedule_probability: probability,
      risk_level:
        probability === null
          ? null
          : probability < 0.15
            ? ('low' as const)
            : probability < 0.35
              ? ('medium' as const)
              : ('high' as const),
      reasons:
        probability === null
          ? null
          : [
              { feature: 'tutor_effect_14d', value: 1.4, category: null, contribution: 0.8 },
              { feature: 'lead_hours', value: 30, category: null, contribution: -0.4 },
            ],
      source: probability === null ? null : ('model' as const),
      model_version: probability === null ? null : 'fc6c26034b1e',
      predicted_at: probability === null ? null : iso(now - HOUR_MS),
    };
  });
}

export function aPipeline(now: number): Pipeline {
  return {
    as_of: iso(now - 2_300),
    partitions: [0, 1, 2, 3].map((partition) => ({
      partition,
      generation: 1,
      score_offset: 48_110 + partition * 97,
      applied_offset: 61_204 + partition * 731,
      applied_until: iso(now - 400 * (partition + 1)),
      live: true,
      stopped: null,
      lag_seconds: 0.4 * (partition + 1),
    })),
    lag_seconds: 1.6,
    dead_letters: {
      total: 7,
      by_reason: { from_the_future: 4, undecodable: 2, unknown_schema: 1 },
      by_topic: { 'tutoring.sessions.lifecycle.v1.dlq': 7 },
    },
    sink: ['tutoring.sessions.lifecycle.v1', 'tutoring.tutors.score.v1'].flatMap((topic) =>
      [0, 1, 2, 3].map((partition) => ({ topic, partition, next_offset: 48_110 + partition * 97 })),
    ),
  };
}

const CHAMPION = '3f9c2b7a51de';
const CHALLENGER = '8e04d1c6aa90';
const BANDS = ['up to 6 h', '6 to 24 h', '1 to 3 days', '3 to 7 days', '7 to 30 days'];

function modelFigures(offset: number): ModelFigures {
  return {
    n: 20_000,
    bad: 2_400,
    auc: 0.857 - offset / 50,
    pr_auc: 0.42,
    brier: 0.068 + offset / 100,
    log_loss: 0.233 + offset / 50,
    ece: 0.0075,
    slope: 0.98,
    o_e: 1.02,
  };
}

function reliabilityBins(gap: number) {
  return Array.from({ length: 15 }, (_, index) => ({
    n: 820,
    predicted: (index + 1) ** 2 / 400,
    observed: Math.min(1, ((index + 1) ** 2 / 400) * gap),
  }));
}

function liveFigures(offset: number): LiveFigures {
  const { brier, log_loss, ece, slope } = modelFigures(offset);
  return {
    n: 12_300 - 900 * offset,
    bad: 1_476,
    brier,
    log_loss,
    ece,
    intercept: 0.03,
    slope,
    o_e: 1.07,
    o_e_low: 1.02,
    o_e_high: 1.12,
    reliability: reliabilityBins(1.07),
  };
}

export function someModels(now: number): Models {
  return {
    champion: CHAMPION,
    challenger: CHALLENGER,
    models: [
      {
        version: CHAMPION,
        role: 'champion',
        source: 'world 7 of the simulator',
        rows: 803_345,
        test: modelFigures(0),
      },
      {
        version: CHALLENGER,
        role: 'challenger',
        source: 'the input topic',
        rows: 512_002,
        test: modelFigures(1),
      },
    ],
    changes: [
      {
        at: iso(now - 3 * DAY_MS),
        by: 'ann',
        champion: CHAMPION,
        challenger: CHALLENGER,
        why: 'to see how it does',
      },
    ],
    sources: { model: 48_000, posterior: 400 },
    fallback_share: 400 / 48_400,
    workers: [0, 1, 2, 3].map((partition) => ({
      partition,
      champion: CHAMPION,
      challenger: CHALLENGER,
      wanted: CHAMPION,
      degraded: false,
      why: null,
      said_at: iso(now - 60_000),
    })),
    since: iso(now - 28 * DAY_MS),
    as_of: iso(now - 2_300),
  };
}

export function aModelDetail(version: string, now: number): ModelDetail {
  return {
    version,
    role: version === CHAMPION ? 'champion' : 'challenger',
    card: {
      source: 'world 7 of the simulator',
      seed: 0,
      events: 400_000,
      rows: 803_345,
      tutors: 400,
      bad_share: 0.099,
      first_start: iso(now - 400 * DAY_MS),
      last_start: iso(now - 30 * DAY_MS),
      rows_left_out: { censored: 40_732, unresolved: 43, immature: 18_702 },
      strongest_features: { tutor_early_effect: 0.51, elapsed_share_of_lead: 0.2 },
      suspicions: {},
      label: { bad: [['rescheduled', 'tutor']], censored: [['rescheduled', 'student']] },
      test: {
        ...modelFigures(0),
        base_rate_log_loss: 0.3176,
        intervals_90: { auc: [0.8485, 0.8631] },
        reliability: reliabilityBins(0.98),
        precision_recall: [
          [0, 1],
          [1, 0.12],
        ],
        by_lead_band: Object.fromEntries(
          BANDS.map((band, index) => [band, modelFigures(index)] as const),
        ),
      },
    },
    live: {
      model: {
        overall: liveFigures(0),
        bands: Object.fromEntries(BANDS.map((band, index) => [band, liveFigures(index)] as const)),
        fates: { good: 10_824, bad: 1_476, 'censored by student': 903, unresolved: 12 },
      },
    },
    drift: {
      state: 'stable',
      n: 4_812,
      direction: null,
      since: null,
      evidence: 2.1,
      threshold: 13.8,
      design_effect: 1.3,
    },
    shifts: { hour_of_day: 0.03, tutor_effect_45d: 0.14, is_weekend: 0.31 },
    since: iso(now - 28 * DAY_MS),
    as_of: iso(now - 2_300),
  };
}
