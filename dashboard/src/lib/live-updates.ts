/**
 * Server-sent events mark queries as old; the queries fetch. An event says that something changed,
 * never what the page should show, so a lost or repeated one does no harm.
 */
import type { QueryClient, QueryKey } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { setLiveStatus } from '@/lib/live-status';
import { keys } from '@/lib/query-keys';

/** A replay sends thousands of scores a second; a page that moves more often cannot be read. */
export const THROTTLE_MS = 1_500;
/** The browser gives up after an HTTP error (a restart, an expired session); we do not. */
export const REOPEN_MS = 5_000;

type Invalidations = (tutorId: string | undefined) => QueryKey[];

const INVALIDATIONS: Record<string, Invalidations> = {
  score: (tutorId) => [keys.overview, keys.tutorLists, tutorKey(tutorId)],
  'risk-changed': (tutorId) => [keys.overview, keys.tutorLists, keys.alerts, tutorKey(tutorId)],
  alert: () => [keys.alerts, keys.overview],
  predictions: () => [keys.upcoming],
  // Slots leave the list when their start has passed.
  pipeline: () => [keys.pipeline, keys.upcoming],
  // More was missed than the stream tells one by one.
  resync: () => [[]],
};

/** Listens until the returned function is called. */
export function startLiveUpdates(client: QueryClient): () => void {
  const throttled = throttledInvalidation(client);
  let source: EventSource;
  let reopening: ReturnType<typeof setTimeout> | undefined;
  let wasDown = false;

  const opened = () => {
    setLiveStatus('open');
    // What happened while the stream was down has passed us by.
    if (wasDown) void client.invalidateQueries();
    wasDown = false;
  };
  const failed = () => {
    setLiveStatus('down');
    wasDown = true;
    if (source.readyState === EventSource.CLOSED) reopening = setTimeout(open, REOPEN_MS);
  };
  const open = () => {
    source = new EventSource(api.events);
    source.onopen = opened;
    source.onerror = failed;
    for (const [type, invalidations] of Object.entries(INVALIDATIONS)) {
      source.addEventListener(type, (event: MessageEvent<string>) =>
        throttled.add(invalidations(tutorIdOf(event.data))),
      );
    }
  };

  open();
  return () => {
    clearTimeout(reopening);
    throttled.cancel();
    source.close();
    setLiveStatus('connecting');
  };
}

function tutorKey(tutorId: string | undefined): QueryKey {
  return tutorId === undefined ? keys.tutorDetails : keys.tutor(tutorId);
}

function tutorIdOf(data: string): string | undefined {
  try {
    const { tutor_id } = JSON.parse(data) as { tutor_id?: string };
    return tutor_id;
  } catch {
    // Not JSON: treat it as news about every tutor.
    return undefined;
  }
}

/** The first event is shown at once, those that follow within THROTTLE_MS together after it. */
function throttledInvalidation(client: QueryClient) {
  const waiting = new Map<string, QueryKey>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const flush = () => {
    timer = undefined;
    if (waiting.size === 0) return;
    for (const [name, queryKey] of waiting) {
      // Cancelling a slow answer again and again would show nothing at all: let it finish first.
      if (client.isFetching({ queryKey }) > 0) continue;
      waiting.delete(name);
      void client.invalidateQueries({ queryKey });
    }
    timer = setTimeout(flush, THROTTLE_MS);
  };
  return {
    add(queryKeys: QueryKey[]) {
      for (const key of queryKeys) waiting.set(JSON.stringify(key), key);
      if (timer === undefined) flush();
    },
    cancel: () => clearTimeout(timer),
  };
}
