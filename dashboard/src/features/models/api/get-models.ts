import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { ModelDetail, Models } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

/** The API counts anew every half minute; no event of the stream tells of it. */
const POLL_MS = 60_000;

export const modelsQuery = queryOptions({
  queryKey: keys.modelList,
  queryFn: ({ signal }) => getJson<Models>(api.models, { signal }),
  refetchInterval: POLL_MS,
});

export const modelQuery = (version: string) =>
  queryOptions({
    queryKey: keys.model(version),
    queryFn: ({ signal }) => getJson<ModelDetail>(api.model(version), { signal }),
    refetchInterval: POLL_MS,
  });

export interface ModelSearch {
  /** Undefined = the champion. */
  version?: string;
}

export function parseModelSearch(search: Record<string, unknown>): ModelSearch {
  return typeof search.version === 'string' ? { version: search.version } : {};
}
