import { IconCircleCheck, IconClockExclamation, IconHistory } from '@tabler/icons-react';
import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty } from '@/components/states';
import { Time } from '@/components/time';
import type { PartitionHealth } from '@/lib/api-types';
import { formatCount, formatDuration } from '@/lib/format';
import { STALE_AFTER_SECONDS } from '@/lib/freshness';
import classes from './pipeline.module.css';

export function Partitions({ partitions }: { partitions: PartitionHealth[] }) {
  return (
    <Panel title="Score stage" note="Progress in each partition of the input" flush>
      {partitions.length === 0 ? (
        <Empty title="No progress was reported yet" />
      ) : (
        <ScrollTable label="Partitions">
          <thead>
            <tr>
              <th scope="col">Partition</th>
              <th scope="col">State</th>
              <th scope="col" data-align="right">
                Lag
              </th>
              <th scope="col" data-align="right" data-optional>
                Applied offset
              </th>
              <th scope="col" data-align="right">
                Complete up to
              </th>
            </tr>
          </thead>
          <tbody>
            {partitions.map((partition) => (
              <tr key={partition.partition}>
                <td>{partition.partition}</td>
                <td>
                  <State partition={partition} />
                </td>
                <td data-align="right">
                  {partition.live ? formatDuration(partition.lag_seconds) : '–'}
                </td>
                <td data-align="right" data-optional>
                  {formatCount(partition.applied_offset)}
                </td>
                <td data-align="right">
                  <Time value={partition.applied_until} />
                </td>
              </tr>
            ))}
          </tbody>
        </ScrollTable>
      )}
    </Panel>
  );
}

function State({ partition }: { partition: PartitionHealth }) {
  if (!partition.live) return <StateWord Icon={IconHistory} word="Replay" tone="none" />;
  const behind = (partition.lag_seconds ?? 0) > STALE_AFTER_SECONDS;
  if (behind) return <StateWord Icon={IconClockExclamation} word="Behind" tone="warning" />;
  return <StateWord Icon={IconCircleCheck} word="Live" tone="low" />;
}

interface StateWordProps {
  Icon: typeof IconHistory;
  word: string;
  tone: 'low' | 'warning' | 'none';
}

function StateWord({ Icon, word, tone }: StateWordProps) {
  return (
    <span className={classes.state} data-tone={tone}>
      <Icon size={14} stroke={1.8} aria-hidden /> {word}
    </span>
  );
}
