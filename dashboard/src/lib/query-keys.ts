/** Prefixes matter: invalidating a key invalidates everything that starts with it. */
export const keys = {
  me: ['me'] as const,
  overview: ['overview'] as const,
  tutorLists: ['tutors', 'list'] as const,
  tutorList: (parameters: object) => [...keys.tutorLists, parameters] as const,
  tutorDetails: ['tutors', 'one'] as const,
  tutor: (id: string) => [...keys.tutorDetails, id] as const,
  tutorHistory: (id: string) => [...keys.tutor(id), 'history'] as const,
  tutorEvents: (id: string) => [...keys.tutor(id), 'events'] as const,
  tutorRiskTimeline: (id: string) => [...keys.tutor(id), 'risk-timeline'] as const,
  alerts: ['alerts'] as const,
  alertList: (parameters: object) => [...keys.alerts, parameters] as const,
  pipeline: ['pipeline'] as const,
  models: ['models'] as const,
  modelList: ['models', 'list'] as const,
  model: (version: string) => [...keys.models, 'one', version] as const,
};
