import '@mantine/charts/styles.layer.css';
import { BarChart, LineChart } from '@mantine/charts';
import type { Week } from '@/lib/api-types';
import { formatCount, formatDay, formatPercent, plural } from '@/lib/format';
import classes from './weekly-chart.module.css';

const SYNC = 'weekly';
/** New numbers arrive every moment: a chart that grows anew each time cannot be read. */
const STILL = { isAnimationActive: false };
const Y_AXIS = { width: 40, tickMargin: 4 };

export default function WeeklyLines({ weeks, threshold }: { weeks: Week[]; threshold: number }) {
  const data = weeks.map((week) => ({ ...week, label: formatDay(week.week) }));
  const ticks = percentTicks(Math.max(threshold, ...weeks.map((week) => week.rate ?? 0)));
  return (
    <div role="img" aria-label={describe(weeks, threshold)}>
      <LineChart
        h={180}
        data={data}
        dataKey="label"
        series={[{ name: 'rate', label: 'Rate', color: 'var(--accent)' }]}
        curveType="linear"
        connectNulls={false}
        strokeWidth={2}
        dotProps={{ r: 2.5 }}
        withXAxis={false}
        gridAxis="x"
        gridColor="var(--border)"
        strokeDasharray="0"
        tickLine="none"
        tooltipProps={{ content: WeekTooltip }}
        yAxisProps={{
          ...Y_AXIS,
          domain: [0, ticks.at(-1) ?? 100],
          ticks,
          interval: 0,
          tickFormatter: (value: number) => formatPercent(value, 0),
        }}
        referenceLines={[{ y: threshold, color: 'var(--high)', strokeDasharray: '5 4' }]}
        lineChartProps={{ syncId: SYNC }}
        lineProps={STILL}
      />
      <div className={classes.caption}>Sessions</div>
      <BarChart
        h={64}
        data={data}
        dataKey="label"
        series={[{ name: 'total', label: 'Sessions', color: 'var(--bar)' }]}
        gridAxis="none"
        tickLine="none"
        withTooltip={false}
        valueFormatter={(value) => formatCount(value)}
        yAxisProps={{ ...Y_AXIS, tickCount: 2 }}
        xAxisProps={{ minTickGap: 24 }}
        barChartProps={{ syncId: SYNC }}
        barProps={{ ...STILL, radius: [2, 2, 0, 0] }}
      />
    </div>
  );
}

interface TooltipProps {
  payload?: readonly { payload?: Week }[];
}

function WeekTooltip({ payload }: TooltipProps) {
  const week = payload?.[0]?.payload;
  if (week === undefined) return null;
  return (
    <div className={classes.tooltip}>
      <div className={classes.tooltipWeek}>Week of {formatDay(week.week)}</div>
      {formatPercent(week.rate)} of {plural(week.total, 'session')}
    </div>
  );
}

/** From 0 to above `highest`, at most 100, in steps that leave at most six. */
function percentTicks(highest: number): number[] {
  const step = [5, 10, 20].find((candidate) => highest < candidate * 5) ?? 25;
  const count = Math.min(Math.floor(highest / step) + 2, 100 / step + 1);
  return Array.from({ length: count }, (_, index) => index * step);
}

function describe(weeks: Week[], threshold: number): string {
  const above = weeks.filter((week) => (week.rate ?? 0) > threshold).length;
  return `Reschedule rate over ${weeks.length} weeks; ${above} of them above ${threshold}%. The table shows every week.`;
}
