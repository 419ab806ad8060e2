import { Figure, Figures } from '@/components/figures';
import { mainSource, verdictOf } from '@/features/models/model-words';
import type { LiveFigures, ModelDetail } from '@/lib/api-types';
import { codeWords, formatDecimal, formatPercent, plural } from '@/lib/format';
import classes from './models.module.css';

interface SummaryProps {
  detail: ModelDetail;
  /** A fraction; null = nothing was shown yet. */
  fallbackShare: number | null;
}

export function Summary({ detail, fallbackShare }: SummaryProps) {
  const source = mainSource(detail.live);
  const live = source === undefined ? undefined : detail.live[source]?.overall;
  const verdict = verdictOf(detail.drift);
  return (
    <Figures small>
      <Figure name="Version" value={<span className={classes.version}>{detail.version}</span>}>
        {codeWords(detail.role ?? 'not in service')}
        {detail.card?.source && `, from ${detail.card.source}`}
      </Figure>
      <Figure name="Calibration" value={verdict.word} tone={verdict.tone}>
        {verdict.sentence}
      </Figure>
      <Figure name="Observed / expected" value={formatDecimal(live?.o_e, 2)}>
        {interval(live)}
      </Figure>
      <Figure name="Calibration error" value={formatDecimal(live?.ece, 3)}>
        {besides(detail, 'ece')}
      </Figure>
      <Figure name="Log loss" value={formatDecimal(live?.log_loss, 3)}>
        {besides(detail, 'log_loss')}
      </Figure>
      <Figure
        name="Answered by a fallback"
        value={formatPercent(fallbackShare === null ? null : 100 * fallbackShare)}
      >
        of the predictions shown in 28 days
      </Figure>
    </Figures>
  );
}

function interval(live: LiveFigures | undefined): string {
  if (live?.o_e_low == null) return 'no session has ended yet';
  const range = `${formatDecimal(live.o_e_low, 2)} to ${formatDecimal(live.o_e_high, 2)}`;
  return `${range}, ${plural(live.n, 'prediction')}`;
}

function besides(detail: ModelDetail, name: 'ece' | 'log_loss'): string {
  const trained = detail.card?.test[name];
  return trained == null ? 'no training figure' : `${formatDecimal(trained, 3)} in training`;
}
