import type { Connect, Plugin } from 'vite';
import { createFakeApi } from './fake-api.ts';

const EVERY_MS = 5_000;
/** The policy of the real server, so that a violation shows here first. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** `npm run dev:mock`, `npm run preview:mock`: the dashboard without a back end. */
export function mockApi(): Plugin {
  return {
    name: 'mock-api',
    configureServer: (server) => void server.middlewares.use(answerApi()),
    configurePreviewServer: (server) => {
      server.middlewares.use(withPolicy);
      server.middlewares.use(answerApi());
    },
  };
}

const withPolicy: Connect.NextHandleFunction = (_request, response, next) => {
  response.setHeader('Content-Security-Policy', POLICY);
  next();
};

function answerApi(): Connect.NextHandleFunction {
  const api = createFakeApi(Date.now);
  return (request, response, next) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!url.pathname.startsWith('/api/')) return next();
    if (url.pathname === '/api/events') return stream(request, response);
    const { status, body } = api(request.method ?? 'GET', url);
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(body));
  };
}

const stream: Connect.SimpleHandleFunction = (request, response) => {
  response.setHeader('Content-Type', 'text/event-stream');
  response.write(': hello\n\n');
  const timer = setInterval(() => response.write('event: pipeline\ndata: {}\n\n'), EVERY_MS);
  request.on('close', () => clearInterval(timer));
};
