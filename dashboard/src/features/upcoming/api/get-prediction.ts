import { queryOptions } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson } from '@/lib/api-client';
import type { PredictionDetail } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

export function predictionQuery(sessionId: string) {
  return queryOptions({
    queryKey: keys.prediction(sessionId),
    queryFn: ({ signal }) => getJson<PredictionDetail>(api.prediction(sessionId), { signal }),
  });
}
