import type { RiskLevel, TutorSummary } from '@/lib/api-types';

/** A tutor without any session in 90 days is not "low risk": nothing is known. */
export function shownLevel(
  tutor: Pick<TutorSummary, 'risk_level' | 'total_sessions_90d'>,
): RiskLevel | 'none' {
  return tutor.total_sessions_90d === 0 ? 'none' : (tutor.risk_level ?? 'none');
}
