import type { ReactNode } from 'react';
import classes from './figures.module.css';

interface FiguresProps {
  /** For many, or for words: two in a row when the page is narrow. */
  small?: boolean;
  children: ReactNode;
}

export function Figures({ small = false, children }: FiguresProps) {
  return (
    <dl className={classes.figures} data-small={small || undefined}>
      {children}
    </dl>
  );
}

interface FigureProps {
  name: string;
  value: ReactNode;
  tone?: 'low' | 'warning' | 'none';
  children: ReactNode;
}

export function Figure({ name, value, tone, children }: FigureProps) {
  return (
    <div className={classes.figure}>
      <dt>{name}</dt>
      <dd className={classes.value} data-tone={tone}>
        {value}
      </dd>
      <dd className={classes.note}>{children}</dd>
    </div>
  );
}
