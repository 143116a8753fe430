// What a reader takes home of a chart: a file made in the browser.

/** A table as CSV (RFC 4180), with the mark by which spreadsheets know UTF-8. */
function separated({ head, rows }) {
  const cell = value => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
  return '\ufeff' + [head, ...rows].map(row => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

function save(content, name, type) {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000) // the browser has read it long before
}
