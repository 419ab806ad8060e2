import { SegmentedControl, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import { parseTutorSearch, type TutorSearch } from '@/features/tutors/tutor-search';
import classes from './tutors.module.css';

const DEBOUNCE_MS = 200;
const ANY = 'any';
const RISKS = [
  { value: ANY, label: 'All' },
  { value: 'high', label: 'High risk' },
  { value: 'warning', label: 'Warning' },
  { value: 'low', label: 'Not high' },
];

interface FiltersProps {
  search: TutorSearch;
  /** `replace`: typing must not fill the browser's history. */
  onChange: (search: TutorSearch, replace?: boolean) => void;
}

export function Filters({ search, onChange }: FiltersProps) {
  const { page: _fromTheTop, ...kept } = search;
  return (
    <div className={classes.filters}>
      <SearchBox
        value={search.q ?? ''}
        onChange={(q) => onChange(parseTutorSearch({ ...kept, q }), true)}
      />
      <SegmentedControl
        size="xs"
        data={RISKS}
        value={search.risk ?? ANY}
        onChange={(risk) => onChange(parseTutorSearch({ ...kept, risk }))}
        aria-label="Risk"
      />
      <span className={classes.keys}>
        <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens
      </span>
    </div>
  );
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  const sent = useRef(value);
  const send = useDebouncedCallback((next: string) => {
    sent.current = next;
    onChange(next);
  }, DEBOUNCE_MS);
  useEffect(() => {
    // Back, forward and "clear" change the address from outside; our own change must not
    // overwrite what was typed since.
    if (value !== sent.current) {
      sent.current = value;
      setTyped(value);
    }
  }, [value]);
  return (
    <TextInput
      className={classes.search ?? ''}
      size="xs"
      type="search"
      placeholder="Name, e-mail or id"
      aria-label="Search tutors"
      leftSection={<IconSearch size={15} stroke={1.8} aria-hidden />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        send(event.currentTarget.value.trim());
      }}
    />
  );
}
