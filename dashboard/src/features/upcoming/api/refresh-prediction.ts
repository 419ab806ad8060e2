import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { getJson, post } from '@/lib/api-client';
import type { PredictionAsked, PredictionDetail } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

const LOOK_MS = 120;
/** In a replay the log's time may be long ago: then the answer never looks newer than the question. */
const PATIENCE_MS = 3_000;

/** Done when the new prediction can be read. */
export function useRefreshPrediction() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (sessionId: string) => {
      const asked = await post<PredictionAsked>(api.refreshPrediction(sessionId));
      await arrival(sessionId, Date.parse(asked.requested_at));
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.upcoming }),
  });
}

async function arrival(sessionId: string, requestedAt: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const { predicted_at } = await getJson<PredictionDetail>(api.prediction(sessionId));
    if (predicted_at !== null && Date.parse(predicted_at) >= requestedAt) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
