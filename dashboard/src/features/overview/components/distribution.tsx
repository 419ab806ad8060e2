import { Panel } from '@/components/panel';
import { Empty } from '@/components/states';
import type { RateBand } from '@/lib/api-types';
import { formatCount, plural } from '@/lib/format';
import classes from './overview.module.css';

/** A list that looks like a histogram: its numbers can be read without seeing the bars. */
export function Distribution({ bands: all, threshold }: { bands: RateBand[]; threshold: number }) {
  const bands = withoutEmptyEnd(all, threshold);
  const tallest = Math.max(1, ...bands.map((band) => band.tutors));
  return (
    <Panel
      title="Tutors by 30-day rate"
      note={`Percent of sessions; red: from the threshold of ${threshold}% up`}
    >
      {bands.every((band) => band.tutors === 0) ? (
        <Empty title="No tutor has a rate yet" />
      ) : (
        <ul className={classes.bands}>
          {bands.map((band) => (
            <li key={band.from} className={classes.band}>
              <span className={classes.bandCount}>{formatCount(band.tutors)}</span>
              <span
                className={classes.bandBar}
                data-empty={band.tutors === 0 || undefined}
                data-above={band.from >= threshold || undefined}
                style={{ height: `${(band.tutors / tallest) * 100}px` }}
              />
              <span className={classes.bandLabel} title={bandTitle(band)}>
                {band.from}
                <span className={classes.bandTo}>–{band.to}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** Up to the last band with a tutor in it, and at least up to the threshold. */
function withoutEmptyEnd(bands: RateBand[], threshold: number): RateBand[] {
  const last = bands.findLastIndex((band) => band.tutors > 0 || band.from <= threshold);
  return bands.slice(0, last + 1);
}

function bandTitle(band: RateBand): string {
  return `${plural(band.tutors, 'tutor')} from ${band.from}% to below ${band.to}%`;
}
