import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { createFakeApi } from '@/testing/fake-api';

/** The instant at which the fixtures of tests live. */
export const NOW = Date.parse('2025-03-12T09:30:00Z');

let api = createFakeApi(() => NOW);

/** Forgets what a test wrote. */
export function resetServer(): void {
  api = createFakeApi(() => NOW);
  server.resetHandlers();
}

export const server = setupServer(
  http.all('/api/*', ({ request }) => {
    const { status, body } = api(request.method, new URL(request.url));
    return HttpResponse.json(body as object, { status });
  }),
);
