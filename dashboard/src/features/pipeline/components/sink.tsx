import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty } from '@/components/states';
import type { Pipeline } from '@/lib/api-types';
import { formatCount } from '@/lib/format';
import classes from './pipeline.module.css';

export function Sink({ positions }: { positions: Pipeline['sink'] }) {
  return (
    <Panel title="Written to the database" note="How far the sink has read each topic" flush>
      {positions.length === 0 ? (
        <Empty title="Nothing was written yet" />
      ) : (
        <ScrollTable label="Sink">
          <thead>
            <tr>
              <th scope="col">Topic</th>
              <th scope="col" data-align="right">
                Records
              </th>
              <th scope="col" data-align="right" data-optional>
                Next offset, by partition
              </th>
            </tr>
          </thead>
          <tbody>
            {[...offsetsByTopic(positions)].map(([topic, offsets]) => (
              <tr key={topic}>
                <td className={classes.topic}>{topic}</td>
                <td data-align="right">
                  {formatCount(offsets.reduce((sum, one) => sum + one, 0))}
                </td>
                <td data-align="right" data-optional data-wrap>
                  {offsets.map(formatCount).join(' · ')}
                </td>
              </tr>
            ))}
          </tbody>
        </ScrollTable>
      )}
    </Panel>
  );
}

function offsetsByTopic(positions: Pipeline['sink']): Map<string, number[]> {
  const topics = new Map<string, number[]>();
  for (const { topic, next_offset } of positions.toSorted(byPartition)) {
    topics.set(topic, [...(topics.get(topic) ?? []), next_offset]);
  }
  return topics;
}

function byPartition(a: { partition: number }, b: { partition: number }): number {
  return a.partition - b.partition;
}
