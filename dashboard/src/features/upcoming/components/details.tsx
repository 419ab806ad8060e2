import { useQuery } from '@tanstack/react-query';
import { Loaded } from '@/components/states';
import { Time } from '@/components/time';
import { predictionQuery } from '@/features/upcoming/api/get-prediction';
import { Reasons } from '@/features/upcoming/components/reasons';
import { featureValue, featureWords } from '@/features/upcoming/feature-words';
import type { PredictionDetail } from '@/lib/api-types';
import { codeWords } from '@/lib/format';
import classes from './upcoming.module.css';

/** All that a prediction follows from. */
export function Details({ sessionId }: { sessionId: string }) {
  const query = useQuery(predictionQuery(sessionId));
  return (
    <Loaded query={query} height={120}>
      {(prediction) => <Prediction prediction={prediction} />}
    </Loaded>
  );
}

function Prediction({ prediction }: { prediction: PredictionDetail }) {
  return (
    <div className={classes.details}>
      <p className={classes.about}>
        {prediction.predicted_at === null ? (
          'Not predicted yet.'
        ) : (
          <>
            As known at <Time value={prediction.predicted_at} />, asked for by{' '}
            {prediction.asked_for ?? 'somebody'}; answered by {codeWords(prediction.source ?? '')}{' '}
            {prediction.model_version}.
          </>
        )}
      </p>
      <div className={classes.narrow}>
        <Reasons reasons={prediction.reasons} />
      </div>
      <dl className={classes.features}>
        {Object.entries(prediction.features ?? {}).map(([feature, value]) => (
          <div key={feature}>
            <dt>{featureWords(feature)}</dt>
            <dd>{featureValue({ feature, value, category: null, contribution: 0 })}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
