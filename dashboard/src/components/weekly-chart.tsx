import { SegmentedControl } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { Panel } from '@/components/panel';
import { Empty } from '@/components/states';
import table from '@/components/table.module.css';
import type { Week } from '@/lib/api-types';
import { formatCount, formatDay, formatPercent } from '@/lib/format';
import classes from './weekly-chart.module.css';

const CHART_HEIGHT = 272;
const WeeklyLines = lazy(() => import('./weekly-lines'));

interface WeeklyChartProps {
  weeks: Week[];
  /** Percent. */
  threshold: number;
  className?: string | undefined;
}

/** Rate over volume, week by week; the same numbers as a table for those who prefer it. */
export function WeeklyChart({ weeks, threshold, className }: WeeklyChartProps) {
  const [view, setView] = useState('Chart');
  const empty = weeks.every((week) => week.total === 0);
  const toggle = !empty && (
    <SegmentedControl
      size="xs"
      data={['Chart', 'Table']}
      value={view}
      onChange={setView}
      aria-label="Show as"
    />
  );
  return (
    <Panel
      title="Reschedule rate by week"
      note={`Moved or cancelled by the tutor; dashed: the threshold of ${threshold}%`}
      actions={toggle}
      className={className}
    >
      {empty ? (
        <Empty title="No sessions in these weeks" />
      ) : view === 'Chart' ? (
        <Suspense fallback={<div style={{ height: CHART_HEIGHT }} />}>
          <WeeklyLines weeks={weeks} threshold={threshold} />
        </Suspense>
      ) : (
        <WeeklyTable weeks={weeks} />
      )}
    </Panel>
  );
}

function WeeklyTable({ weeks }: { weeks: Week[] }) {
  return (
    <div className={classes.table}>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Week of</th>
            <th scope="col" data-align="right">
              Rate
            </th>
            <th scope="col" data-align="right">
              Sessions
            </th>
          </tr>
        </thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week.week}>
              <td>{formatDay(week.week)}</td>
              <td data-align="right">{formatPercent(week.rate)}</td>
              <td data-align="right">{formatCount(week.total)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
