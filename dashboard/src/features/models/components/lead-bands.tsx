import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty } from '@/components/states';
import type { LiveFigures, ModelFigures } from '@/lib/api-types';
import { formatCount, formatDecimal } from '@/lib/format';

interface LeadBandsProps {
  live: Record<string, LiveFigures>;
  training: Record<string, ModelFigures>;
}

export function LeadBands({ live, training }: LeadBandsProps) {
  const bands = Object.entries(live);
  return (
    <Panel title="By time to the session" note="Log loss in training beside it" flush>
      {bands.length === 0 ? (
        <Empty title="No prediction was judged yet" />
      ) : (
        <ScrollTable label="Figures by time to the session">
          <thead>
            <tr>
              <th scope="col">Predicted</th>
              <th scope="col" data-align="right">
                Judged
              </th>
              <th scope="col" data-align="right" data-optional>
                Brier
              </th>
              <th scope="col" data-align="right">
                Log loss
              </th>
              <th scope="col" data-align="right" data-optional>
                In training
              </th>
              <th scope="col" data-align="right">
                Calibration error
              </th>
              <th scope="col" data-align="right" data-optional>
                Slope
              </th>
            </tr>
          </thead>
          <tbody>
            {bands.map(([band, figures]) => (
              <tr key={band}>
                <td>{band} before</td>
                <td data-align="right">{formatCount(figures.n)}</td>
                <td data-align="right" data-optional>
                  {formatDecimal(figures.brier, 3)}
                </td>
                <td data-align="right">{formatDecimal(figures.log_loss, 3)}</td>
                <td data-align="right" data-optional>
                  {formatDecimal(training[band]?.log_loss, 3)}
                </td>
                <td data-align="right">{formatDecimal(figures.ece, 3)}</td>
                <td data-align="right" data-optional>
                  {formatDecimal(figures.slope, 2)}
                </td>
              </tr>
            ))}
          </tbody>
        </ScrollTable>
      )}
    </Panel>
  );
}
