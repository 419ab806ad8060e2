import { lazy } from 'react';
import { ChartPanel } from '@/components/chart-panel';
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
  const empty = weeks.every((week) => week.total === 0);
  return (
    <ChartPanel
      title="Reschedule rate by week"
      note={`Moved or cancelled by the tutor; dashed: the threshold of ${threshold}%`}
      nothing={empty && 'No sessions in these weeks'}
      height={CHART_HEIGHT}
      chart={<WeeklyLines weeks={weeks} threshold={threshold} />}
      table={<WeeklyTable weeks={weeks} />}
      className={className}
    />
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
