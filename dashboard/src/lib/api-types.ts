/**
 * What the API answers. Rates are percent with two decimals; null means that there were no
 * sessions in the window, which is not the same as 0. Times are ISO 8601 in UTC.
 */

export type RiskLevel = 'low' | 'warning' | 'high';
export type Evidence = 'insufficient' | 'raw' | 'confirmed';
export type Window = '7d' | '30d' | '90d';
export const WINDOWS: readonly Window[] = ['7d', '30d', '90d'];

type PerWindow<Name extends string, Value> = { [W in Window as `${Name}_${W}`]: Value };

type WindowCounts = PerWindow<'total_sessions', number> & PerWindow<'tutor_reschedules', number>;

export interface Me {
  principal: string;
  scopes: string[];
}

export interface Overview {
  as_of: string | null;
  tutors: { total: number; high: number; warning: number; low: number; confirmed: number };
  rates: PerWindow<'rate', number | null>;
  sessions: PerWindow<'total', number>;
  threshold: number;
  weekly: OverviewWeek[];
  distribution: RateBand[];
  newly_high_risk: NewlyHighRisk[];
}

export interface OverviewWeek {
  /** Monday. */
  week: string;
  total: number;
  tutor_reschedules: number;
  rate: number | null;
}

/** Tutors whose 30-day rate lies in [from, to). */
export interface RateBand {
  from: number;
  to: number;
  tutors: number;
}

export interface NewlyHighRisk {
  tutor_id: string;
  name: string;
  occurred_at: string;
  evidence: Evidence | null;
  reschedule_rate_30d: number | null;
}

export type TutorSummary = {
  id: string;
  name: string;
  external_id: string | null;
  is_high_risk: boolean;
  risk_level: RiskLevel;
  evidence: Evidence | null;
  last_calculated_at: string | null;
} & WindowCounts &
  PerWindow<'reschedule_rate', number | null>;

export interface TutorPage {
  tutors: TutorSummary[];
  total: number;
  limit: number;
  offset: number;
  as_of: string | null;
  next_cursor: string | null;
}

export type TutorScores = {
  is_high_risk: boolean;
  risk_level: RiskLevel;
  /** Percent. */
  risk_threshold: number;
  /** Windows above the threshold. */
  reasons: Window[];
  evidence: Evidence | null;
  last_calculated_at: string | null;
  /** When a session next leaves a window, if nothing else arrives. */
  next_change_at: string | null;
} & WindowCounts &
  PerWindow<'reschedule_rate', number | null>;

export type TutorStatistics = { open_slots?: number | null } & Partial<
  PerWindow<'no_show_rate' | 'late_start_rate' | 'early_end_rate' | 'average_rating', number | null>
>;

export interface TutorDetail {
  id: string;
  name: string;
  email: string | null;
  external_id: string | null;
  created_at: string | null;
  as_of: string | null;
  scores: TutorScores | null;
  statistics: TutorStatistics | null;
}

export type Initiator = 'tutor' | 'student' | 'system';

export interface Reschedule {
  id: string;
  session_id: string;
  initiator: Initiator;
  original_time: string;
  /** null: cancelled, or no new time yet. */
  new_time: string | null;
  reason: string | null;
  reason_code: string | null;
  cancelled_at: string;
  hours_before_session: number | null;
}

export interface TrendWeek {
  week: string;
  rate: number | null;
  total: number;
}

export interface TutorHistory {
  reschedules: Reschedule[];
  trend: { reschedule_rate_by_week: TrendWeek[] };
  as_of: string | null;
}

export type SessionEventType = 'scheduled' | 'rescheduled' | 'cancelled' | 'completed' | 'no_show';

export interface SessionEvent {
  event_id: string;
  event_type: SessionEventType;
  session_id: string;
  student_id: string | null;
  scheduled_start: string;
  occurred_at: string;
  new_start: string | null;
  initiator: Initiator | null;
  reason_code: string | null;
  rating: number | null;
}

export interface SessionEventPage {
  events: SessionEvent[];
  next_cursor: string | null;
}

export type RiskChange = {
  event_id: string;
  occurred_at: string;
  is_high_risk: boolean;
  evidence: Evidence | null;
  reasons: Window[];
} & Partial<WindowCounts>;

export interface RiskTimeline {
  changes: RiskChange[];
}

export interface Alert {
  event_id: string;
  kind: string;
  tutor_id: string;
  tutor_name: string;
  occurred_at: string;
  evidence: Evidence | null;
  reasons: Window[];
  acknowledged_at: string | null;
}

export interface AlertPage {
  alerts: Alert[];
  next_cursor: string | null;
}

export interface PartitionHealth {
  partition: number;
  applied_offset: number;
  applied_until: string | null;
  /** True when the wall clock makes expiries due, false in a replay of old data. */
  live: boolean;
  lag_seconds: number | null;
}

export interface Pipeline {
  as_of: string | null;
  partitions: PartitionHealth[];
  dead_letters: { total: number; by_reason: Record<string, number> };
  sink: { topic: string; partition: number; next_offset: number }[];
}

/** RFC 9457. */
export interface Problem {
  title?: string;
  detail?: string;
  status?: number;
}
