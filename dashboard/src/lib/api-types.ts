/**
 * Short names for what the API answers; `api.gen.ts` is made from its OpenAPI document. Rates are
 * percent with two decimals; null means that there were no sessions, which is not the same as 0.
 */
import type { components } from './api.gen.ts';

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Overview = Schemas['Overview'];
export type Week = Schemas['Week'];
export type RateBand = Schemas['RateBand'];
export type NewlyHighRisk = Schemas['NewlyHighRisk'];
export type TutorSummary = Schemas['TutorItem'];
export type TutorPage = Schemas['TutorPage'];
export type TutorDetail = Schemas['TutorDetail'];
export type TutorScores = Schemas['Scores'];
export type TutorStatistics = Schemas['TutorStatistics'];
export type TutorHistory = Schemas['TutorHistory'];
export type Reschedule = Schemas['Reschedule'];
export type SessionEvent = Schemas['SessionEventItem'];
export type SessionEventPage = Schemas['SessionEventPage'];
export type RiskChange = Schemas['RiskChange'];
export type RiskTimeline = Schemas['RiskTimeline'];
export type Alert = Schemas['Alert'];
export type AlertPage = Schemas['AlertPage'];
export type UpcomingSession = Schemas['UpcomingSession'];
export type UpcomingPage = Schemas['UpcomingPage'];
export type PredictionReason = Schemas['PredictionReason'];
export type PredictionDetail = Schemas['PredictionDetail'];
export type PredictionAsked = Schemas['PredictionAsked'];
export type Pipeline = Schemas['Pipeline'];
export type PartitionHealth = Schemas['PartitionState'];
export type Models = Schemas['Models'];
export type ModelDetail = Schemas['ModelDetail'];
export type ModelFigures = Schemas['ModelFigures'];
export type ModelDrift = Schemas['ModelDrift'];
export type ModelChange = Schemas['ModelChange'];
export type ModelWorker = Schemas['ModelWorker'];
export type LiveFigures = Schemas['LiveFigures'];
export type ReliabilityBin = Schemas['ReliabilityBin'];
export type Problem = Schemas['ProblemBody'];

export type RiskLevel = NonNullable<TutorScores['risk_level']>;
export type PredictedRisk = NonNullable<UpcomingSession['risk_level']>;
export type Evidence = NonNullable<TutorScores['evidence']>;
export type Window = '7d' | '30d' | '90d';
export const WINDOWS: readonly Window[] = ['7d', '30d', '90d'];
