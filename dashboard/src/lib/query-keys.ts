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
  upcoming: ['upcoming'] as const,
  upcomingList: (parameters: object) => [...keys.upcoming, 'list', parameters] as const,
  prediction: (id: string) => [...keys.upcoming, 'one', id] as const,
  pipeline: ['pipeline'] as const,
};
