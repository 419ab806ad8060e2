/** Every address of the API, relative to the origin that served this page. */
export const api = {
  me: '/api/me',
  logout: '/api/logout',
  events: '/api/events',
  overview: '/api/overview',
  tutors: '/api/tutors',
  tutor: (id: string) => `/api/tutors/${encodeURIComponent(id)}`,
  tutorHistory: (id: string) => `/api/tutors/${encodeURIComponent(id)}/history`,
  tutorEvents: (id: string) => `/api/tutors/${encodeURIComponent(id)}/events`,
  tutorRiskTimeline: (id: string) => `/api/tutors/${encodeURIComponent(id)}/risk-timeline`,
  alerts: '/api/alerts',
  acknowledgeAlert: (id: string) => `/api/alerts/${encodeURIComponent(id)}/acknowledge`,
  pipeline: '/api/pipeline',
  models: '/api/models',
  model: (version: string) => `/api/models/${encodeURIComponent(version)}`,
  modelCard: (version: string) => `/api/models/${encodeURIComponent(version)}/card`,
} as const;
