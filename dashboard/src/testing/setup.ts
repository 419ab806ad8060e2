import '@testing-library/jest-dom/vitest';
import { cleanup } from '@testing-library/react';
import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import { setLiveStatus } from '@/lib/live-status';
import { FakeEventSource } from '@/testing/fake-event-source';
import { resetServer, server } from '@/testing/server';

// What jsdom lacks and Mantine asks for.
class NoResizeObserver implements ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('ResizeObserver', NoResizeObserver);
vi.stubGlobal('EventSource', FakeEventSource);
window.scrollTo = () => {};
Element.prototype.scrollIntoView = () => {};
window.matchMedia = (media: string): MediaQueryList =>
  Object.assign(new EventTarget(), {
    media,
    matches: false,
    onchange: null,
    addListener() {},
    removeListener() {},
  });

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => {
  cleanup();
  resetServer();
  FakeEventSource.opened = [];
  setLiveStatus('connecting');
});
afterAll(() => server.close());
