import { useSyncExternalStore } from 'react';

/** connecting: before the first answer; down: polling stands in for the stream. */
export type LiveStatus = 'connecting' | 'open' | 'down';

let status: LiveStatus = 'connecting';
const listeners = new Set<() => void>();

export function setLiveStatus(next: LiveStatus): void {
  if (next === status) return;
  status = next;
  for (const listener of listeners) listener();
}

export function isLive(): boolean {
  return status === 'open';
}

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(subscribe, () => status);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
