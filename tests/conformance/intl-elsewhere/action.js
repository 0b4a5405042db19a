exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const at = new Date(0);
  const asked = {
    locale: () => (1234.5).toLocaleString('de-DE'),
    zone: () => at.toLocaleString('en-US', { timeZone: 'America/New_York' }),
    british: () => at.toLocaleDateString('en-GB'),
    compact: () => new Intl.NumberFormat('en-US', { notation: 'compact' }).format(12345),
    unit: () => (3).toLocaleString('en-US', { style: 'unit', unit: 'minute' }),
    plural: () => new Intl.PluralRules('en-US').select(1),
    parts: () => new Intl.DateTimeFormat('en-US').formatToParts(at).length,
    order: () => 'ä'.localeCompare('z', 'sv'),
    natural: () => 'a10'.localeCompare('a9', 'en', { numeric: true }),
    capitals: () => 'i'.toLocaleUpperCase('tr'),
  };
  for (const [what, ask] of Object.entries(asked)) {
    try { console.log(what, ask()); } catch (error) { console.log(what, error.name, error.message); }
  }
};
