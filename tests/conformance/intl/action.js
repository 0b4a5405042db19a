exports.onExecuteCustomPhoneProvider = async (event, api) => {
  const at = new Date(Date.UTC(2026, 0, 2, 15, 4, 5, 67));
  const zone = { timeZone: 'UTC' };
  console.log(at.toLocaleString('en-US', zone), '|', at.toLocaleDateString('en-US', zone), '|', at.toLocaleTimeString('en-US', zone));
  console.log(at.toLocaleDateString('en-US', { ...zone, weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }), '|', at.toLocaleDateString(['en-US'], { ...zone, month: 'short', day: '2-digit' }));
  console.log(at.toLocaleTimeString('en-US', { ...zone, hour: '2-digit', minute: '2-digit' }), '|', at.toLocaleTimeString('en-US', { ...zone, hour12: false, timeZoneName: 'short' }));
  console.log(at.toLocaleString('en-US', { ...zone, dateStyle: 'full', timeStyle: 'long' }), '|', at.toLocaleString('en', { ...zone, dateStyle: 'short' }), '|', at.toLocaleString('en', { ...zone, timeStyle: 'short', hour12: false }));
  console.log(new Intl.DateTimeFormat('en-US', { ...zone, dateStyle: 'medium', timeStyle: 'medium' }).format(at), '|', Intl.DateTimeFormat('en-US', zone).format(at), '|', Intl.DateTimeFormat('en-US', zone).resolvedOptions().timeZone);
  console.log(new Date(NaN).toLocaleString('en-US', zone), String(at.toLocaleString.length));
  console.log((1234567.891).toLocaleString(), (0).toLocaleString('en-US'), (-0.5).toLocaleString('en-US', { style: 'percent' }), (12345678901234567890n).toLocaleString('en-US'));
  console.log((5).toLocaleString('en-US', { minimumFractionDigits: 2 }), (1.005).toLocaleString('en-US', { maximumFractionDigits: 2 }), (7).toLocaleString('en-US', { minimumIntegerDigits: 2 }), (1e21).toLocaleString('en-US'));
  console.log((1234.5).toLocaleString('en-US', { style: 'currency', currency: 'USD' }), new Intl.NumberFormat('en-US', { style: 'currency', currency: 'JPY' }).format(-1234.5), new Intl.NumberFormat('en-US', { style: 'currency', currency: 'CHF' }).format(3));
  console.log(new Intl.NumberFormat('en-US').format(1234.5), [3, 1, 2].map(Intl.NumberFormat('en-US', { useGrouping: false }).format), new Intl.NumberFormat('en-US').resolvedOptions().locale);
  const words = ['Zebra', 'apple', 'résumé', 'Apple', 'resume', '10', '9', '_x', 'éclair', 'eclipse', 'zebra', '-', 'co-op', 'coop'];
  console.log(words.toSorted((one, other) => one.localeCompare(other)).join(' '), words.toSorted(new Intl.Collator('en').compare).join(' '));
  console.log('a'.localeCompare('B'), 'a'.localeCompare('A'), 'é'.localeCompare('e\u0301'), 'straße'.toLocaleUpperCase('de-DE'), 'ÀÉ'.toLocaleLowerCase());
  for (const bad of [() => (1).toLocaleString('en-US', { style: 'currency' }), () => (1).toLocaleString('en-US', { maximumFractionDigits: 200 }), () => at.toLocaleString('en-US', { dateStyle: 'short', hour: 'numeric' }), () => new Intl.DateTimeFormat('en-US').format(NaN), () => at.toLocaleDateString('en-US', { timeStyle: 'short' })]) {
    try { console.log(bad()); } catch (error) { console.log(error.name); }
  }
};
