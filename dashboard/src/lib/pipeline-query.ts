import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { Pipeline } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

/** Asked for even while the stream is open: it is how we notice that nothing moves any more. */
const POLL_MS = 15_000;

export const pipelineQuery = queryOptions({
  queryKey: keys.pipeline,
  queryFn: ({ signal }) => getJson<Pipeline>(api.pipeline, { signal }),
  refetchInterval: POLL_MS,
});
