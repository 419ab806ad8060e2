import { type InfiniteData, useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '@/config/paths';
import { post } from '@/lib/api-client';
import type { AlertPage } from '@/lib/api-types';
import { keys } from '@/lib/query-keys';

type AlertPages = InfiniteData<AlertPage, unknown>;
const ALL_LISTS = { queryKey: keys.alerts };

/**
 * Shown as done at once, and taken back if the API refuses. In the list of open alerts it stays,
 * marked, until the next refresh: rows must not jump away under the pointer.
 */
export function useAcknowledgeAlert() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (eventId: string) => post(api.acknowledgeAlert(eventId)),
    onMutate: async (eventId) => {
      await client.cancelQueries(ALL_LISTS);
      const before = client.getQueriesData<AlertPages>(ALL_LISTS);
      const now = new Date().toISOString();
      client.setQueriesData<AlertPages>(
        ALL_LISTS,
        (pages) => pages && acknowledged(pages, eventId, now),
      );
      return before;
    },
    onError: (_error, _eventId, before) => {
      for (const [queryKey, pages] of before ?? []) client.setQueryData(queryKey, pages);
    },
  });
}

function acknowledged(pages: AlertPages, eventId: string, at: string): AlertPages {
  return {
    ...pages,
    pages: pages.pages.map((page) => ({
      ...page,
      alerts: page.alerts.map((alert) =>
        alert.event_id === eventId ? { ...alert, acknowledged_at: at } : alert,
      ),
    })),
  };
}
