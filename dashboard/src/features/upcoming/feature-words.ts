import type { PredictionReason } from '@/lib/api-types';
import { codeWords, formatCount, formatDuration, formatShare } from '@/lib/format';

const WORDS: Record<string, string> = {
  tutor_reschedule_rate_7d: 'Rate, 7 days',
  tutor_reschedule_rate_30d: 'Rate, 30 days',
  tutor_reschedule_rate_90d: 'Rate, 90 days',
  tutor_total_sessions_7d: 'Sessions, 7 days',
  tutor_total_sessions_30d: 'Sessions, 30 days',
  tutor_total_sessions_90d: 'Sessions, 90 days',
  tutor_reschedule_trend: 'Trend of the rate',
  tutor_effect_14d: 'Tutor, past weeks',
  tutor_effect_45d: 'Tutor, past months',
  tutor_effect_180d: 'Tutor, past year',
  tutor_early_effect: 'Tutor, right now',
  tutor_evidence_180d: 'Sessions that tell',
  hours_since_tutor_moved: 'Since the last move',
  lead_hours: 'Booked ahead',
  hours_until_session: 'Until the session',
  elapsed_share_of_lead: 'Share of the wait that is over',
  day_of_week: 'Weekday',
  is_weekend: 'Weekend',
  hour_of_day: 'Hour, UTC',
  duration_minutes: 'Length',
  sessions_with_student_count: 'Sessions with this student',
  student_effect: 'Student',
  student_bad_share: 'Lost with this student',
  student_last_was_bad: 'Last one was lost',
};
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

export function featureWords(feature: string): string {
  return WORDS[feature] ?? codeWords(feature.replace(/^context\./, ''));
}

/** With its unit; features that are effects are logits, shown with their sign. */
export function featureValue({ feature, value, category }: PredictionReason): string {
  if (category !== null) return category;
  if (value === null) return 'not known';
  if (feature === 'day_of_week') return WEEKDAYS[value] ?? String(value);
  if (/^(is|student_last_was)_/.test(feature)) return value ? 'yes' : 'no';
  if (/hours/.test(feature)) return formatDuration(value * 3_600);
  if (/rate|share/.test(feature)) return formatShare(value);
  if (/effect|trend/.test(feature)) return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
  if (feature === 'duration_minutes') return `${value} min`;
  return Number.isInteger(value) ? formatCount(value) : value.toFixed(1);
}
