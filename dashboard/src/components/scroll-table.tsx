import type { ReactNode } from 'react';
import classes from './table.module.css';

/** A table that scrolls sideways by itself, also by keyboard, when the page is too narrow for it. */
export function ScrollTable({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without focus its hidden columns cannot be reached by keyboard.
    <section className={classes.scroll} aria-label={label} tabIndex={0}>
      <table className={classes.table}>{children}</table>
    </section>
  );
}
