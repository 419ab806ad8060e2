import { Alert } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { ModelWorker } from '@/lib/api-types';

/** Shown while something else predicts than what should. */
export function Trouble({ workers }: { workers: ModelWorker[] }) {
  const degraded = workers.filter((worker) => worker.degraded);
  const [first] = degraded;
  if (first === undefined) return null;
  return (
    <Alert color="yellow" icon={<IconAlertTriangle size={16} />} title="Model degraded">
      {first.champion === null ? 'Fallbacks answer' : `Version ${first.champion} answers`} instead
      of {first.wanted}. {first.why}
    </Alert>
  );
}
