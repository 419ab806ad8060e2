import { Link } from '@tanstack/react-router';
import { Panel } from '@/components/panel';
import { ScrollTable } from '@/components/scroll-table';
import { Empty } from '@/components/states';
import { Time } from '@/components/time';
import type { ModelChange, Models } from '@/lib/api-types';
import { codeWords, formatDecimal, NO_DATA } from '@/lib/format';
import classes from './models.module.css';

export function Versions({ models, shown }: { models: Models; shown: string }) {
  return (
    <Panel title="Versions" note="Figures of training; tq models promote changes who serves" flush>
      <ScrollTable label="Versions of the model">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Role</th>
            <th scope="col" data-align="right">
              AUC
            </th>
            <th scope="col" data-align="right">
              Log loss
            </th>
            <th scope="col" data-optional>
              Made from
            </th>
          </tr>
        </thead>
        <tbody>
          {models.models.map((model) => (
            <tr key={model.version} aria-current={model.version === shown || undefined}>
              <td>
                <Link to="/models" search={{ version: model.version }} className={classes.version}>
                  {model.version}
                </Link>
              </td>
              <td>{model.role ? codeWords(model.role) : NO_DATA}</td>
              <td data-align="right">{formatDecimal(model.test.auc, 3)}</td>
              <td data-align="right">{formatDecimal(model.test.log_loss, 3)}</td>
              <td data-optional data-wrap>
                {model.source ?? NO_DATA}
              </td>
            </tr>
          ))}
        </tbody>
      </ScrollTable>
    </Panel>
  );
}

export function Changes({ changes }: { changes: ModelChange[] }) {
  return (
    <Panel title="Who served when" flush>
      {changes.length === 0 ? (
        <Empty title="The model that came with the product serves" />
      ) : (
        <ul className={classes.changes}>
          {changes.map((change) => (
            <li key={change.at}>
              <span className={classes.version}>{change.champion}</span> <Time value={change.at} />
              <div className={classes.note}>
                by {change.by}
                {change.why && `: ${change.why}`}
                {change.challenger && `, challenged by ${change.challenger}`}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
