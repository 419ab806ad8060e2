import { type ReactNode, useEffect } from 'react';
import classes from './layout.module.css';

interface PageProps {
  title: ReactNode;
  /** For the tab, when `title` is not text. */
  documentTitle?: string;
  subtitle?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, documentTitle, subtitle, actions, children }: PageProps) {
  useDocumentTitle(documentTitle ?? (typeof title === 'string' ? title : undefined));
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <div>
          <h1 className={classes.title}>{title}</h1>
          {subtitle && <div className={classes.subtitle}>{subtitle}</div>}
        </div>
        {actions}
      </header>
      {children}
    </div>
  );
}

function useDocumentTitle(title: string | undefined): void {
  useEffect(() => {
    document.title = title ? `${title} · Tutor Quality` : 'Tutor Quality';
  }, [title]);
}
