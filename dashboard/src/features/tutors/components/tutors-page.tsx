import { Button } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Page } from '@/components/page';
import { Pager } from '@/components/pager';
import { Empty, Loaded } from '@/components/states';
import table from '@/components/table.module.css';
import { tutorsCsvLink, tutorsQuery } from '@/features/tutors/api/get-tutors';
import { Filters } from '@/features/tutors/components/filters';
import { TutorsTable } from '@/features/tutors/components/tutors-table';
import { PAGE_SIZE, type TutorSearch, withSort } from '@/features/tutors/tutor-search';

export function TutorsPage() {
  const search = useSearch({ from: '/tutors' });
  const navigate = useNavigate({ from: '/tutors' });
  const query = useQuery({ ...tutorsQuery(search), placeholderData: keepPreviousData });
  const change = (next: TutorSearch, replace = false) =>
    void navigate({ search: next, replace, resetScroll: false });
  return (
    <Page
      title="Tutors"
      subtitle="Who needs attention?"
      actions={<CsvLink href={tutorsCsvLink(search)} />}
    >
      <Filters search={search} onChange={change} />
      <section
        className={table.list}
        aria-label="Tutors"
        aria-busy={query.isPlaceholderData || undefined}
      >
        <Loaded query={query} height={560}>
          {(page) =>
            page.tutors.length === 0 ? (
              <NothingFound search={search} onClear={() => change({})} />
            ) : (
              <>
                <TutorsTable
                  tutors={page.tutors}
                  search={search}
                  onSort={(sort) => change(withSort(search, sort))}
                />
                <Pager
                  page={search.page ?? 1}
                  size={PAGE_SIZE}
                  total={page.total}
                  noun="tutor"
                  onPage={(number) => change({ ...search, page: number })}
                />
              </>
            )
          }
        </Loaded>
      </section>
    </Page>
  );
}

function CsvLink({ href }: { href: string }) {
  return (
    <Button
      component="a"
      href={href}
      download
      variant="default"
      size="xs"
      leftSection={<IconDownload size={15} stroke={1.7} aria-hidden />}
    >
      CSV
    </Button>
  );
}

function NothingFound({ search, onClear }: { search: TutorSearch; onClear: () => void }) {
  if (!search.q && !search.risk && !search.page) {
    return <Empty title="No tutors yet">They appear with their first session event.</Empty>;
  }
  return (
    <Empty title="No tutor matches">
      <Button variant="default" size="compact-sm" onClick={onClear}>
        Clear the filters
      </Button>
    </Empty>
  );
}
