import { Figure, Figures } from '@/components/figures';
import type { Pipeline } from '@/lib/api-types';
import { formatCount, formatDuration, plural } from '@/lib/format';
import { isLive } from '@/lib/freshness';

export function Summary({ pipeline }: { pipeline: Pipeline }) {
  const { partitions, dead_letters } = pipeline;
  const lags = partitions.flatMap(({ live, lag_seconds }) =>
    live && lag_seconds !== null ? [lag_seconds] : [],
  );
  const applied = partitions.reduce((sum, { applied_offset }) => sum + applied_offset + 1, 0);
  return (
    <Figures>
      <Figure name="Largest lag" value={lags.length > 0 ? formatDuration(Math.max(...lags)) : '–'}>
        {isLive(pipeline)
          ? `over ${plural(partitions.length, 'partition')}`
          : 'a replay has no lag'}
      </Figure>
      <Figure name="Records applied" value={formatCount(applied)}>
        events and ticks, by the score stage
      </Figure>
      <Figure name="Dead letters" value={formatCount(dead_letters.total)}>
        refused records, kept untouched
      </Figure>
    </Figures>
  );
}
