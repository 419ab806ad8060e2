import { type ReactNode, useId } from 'react';
import classes from './layout.module.css';

interface PanelProps {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  /** For tables and lists, whose rows reach the border. */
  flush?: boolean;
  className?: string | undefined;
  children: ReactNode;
}

export function Panel({ title, note, actions, flush = false, className, children }: PanelProps) {
  const headingId = useId();
  return (
    <section className={`${classes.panel} ${className ?? ''}`} aria-labelledby={headingId}>
      <div className={classes.panelHeader}>
        <div>
          <h2 className={classes.panelTitle} id={headingId}>
            {title}
          </h2>
          {note && <div className={classes.panelNote}>{note}</div>}
        </div>
        {actions}
      </div>
      <div className={classes.panelBody} data-flush={flush || undefined}>
        {children}
      </div>
    </section>
  );
}
