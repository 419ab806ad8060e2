import type { TutorStatistics } from '@/lib/api-types';
import { formatCount, formatPercent, NO_DATA } from '@/lib/format';
import classes from './tutor.module.css';

/** Shown beside the rates; they do not set the flag. */
export function Statistics({ statistics }: { statistics: TutorStatistics }) {
  const rating = statistics.average_rating_30d;
  const facts = [
    ['No-shows', formatPercent(statistics.no_show_rate_30d)],
    ['Late starts', formatPercent(statistics.late_start_rate_30d)],
    ['Early ends', formatPercent(statistics.early_end_rate_30d)],
    ['Average rating', rating == null ? NO_DATA : `${rating.toFixed(2)} of 5`],
    ['Booked ahead', formatCount(statistics.open_slots)],
  ];
  return (
    <section className={classes.facts} aria-label="Other figures of the last 30 days">
      <dl className={classes.factList}>
        {facts.map(([name, value]) => (
          <div key={name} className={classes.fact}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <span className={classes.factsNote}>Last 30 days. They do not set the flag.</span>
    </section>
  );
}
