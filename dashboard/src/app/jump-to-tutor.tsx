import '@mantine/spotlight/styles.layer.css';
import { useDebouncedValue } from '@mantine/hooks';
import { createSpotlight, Spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useState } from 'react';
import { RiskBadge } from '@/components/risk';
import { tutorsQuery } from '@/features/tutors/api/get-tutors';
import { shownLevel } from '@/features/tutors/shown-level';
import classes from './jump-to-tutor.module.css';

const DEBOUNCE_MS = 150;
const SHOWN = 8;
const [store, spotlight] = createSpotlight();

/** Opens when it is rendered; the caller stops rendering it on `onClose`. */
export default function JumpToTutor({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim(), DEBOUNCE_MS);
  const { data, isFetching, isError } = useQuery({
    ...tutorsQuery({ q: search }),
    placeholderData: keepPreviousData,
    enabled: search !== '',
  });
  useEffect(() => spotlight.open(), []);
  const found = search === '' ? [] : (data?.tutors.slice(0, SHOWN) ?? []);
  const open = (tutorId: string) => {
    spotlight.close();
    void navigate({ to: '/tutors/$tutorId', params: { tutorId } });
  };
  const openFirst = (event: KeyboardEvent) => {
    const [first] = found;
    // Mantine looks for something to select before the answer comes, and finds nothing.
    const nothingSelected = document.querySelector('[data-action][data-selected]') === null;
    if (event.key === 'Enter' && first && nothingSelected) open(first.id);
  };
  return (
    <Spotlight.Root
      store={store}
      query={typed}
      onQueryChange={setTyped}
      onSpotlightClose={onClose}
      shortcut={null}
      // Locking the page's scroll would inject a style element, which the policy forbids.
      lockScroll={false}
      attributes={{ content: { 'aria-label': 'Jump to tutor' } }}
    >
      <Spotlight.Search
        placeholder="Name or id of a tutor"
        aria-label="Name or id of a tutor"
        onKeyDown={openFirst}
        leftSection={<IconSearch size={18} stroke={1.6} aria-hidden />}
      />
      <Spotlight.ActionsList>
        {found.map((tutor) => (
          <Spotlight.Action key={tutor.id} onClick={() => open(tutor.id)}>
            <span className={classes.name}>{tutor.name}</span>
            <RiskBadge level={shownLevel(tutor)} />
          </Spotlight.Action>
        ))}
        {found.length === 0 && (
          <Spotlight.Empty>{hint({ search, isFetching, isError })}</Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}

function hint(state: { search: string; isFetching: boolean; isError: boolean }): string {
  if (state.search === '') return 'Type a part of the name';
  if (state.isError) return 'The API does not answer';
  return state.isFetching ? 'Searching' : 'No tutor of that name';
}
