/* census.h - from sites, of which one line of source may have many (inlined copies, several units), to the
 * accesses of the source that people know.
 */
#ifndef MK_MODEL_CENSUS_H
#define MK_MODEL_CENSUS_H

#include "notes.h"
#include "report.h"
#include "runtime.h"

/* One access of a source file: all sites of one numbered comment, or of one line where there is none, that do
 * the same with the same order. */
struct mk_access {
    const struct mk_notes *notes; /* of its file */
    const struct mk_note *note;   /* NULL: it has no number */
    uint32_t line;
    uint8_t act, order, failure;  /* as in struct mk_site */
    uint64_t hits;                /* in all that was counted */
    size_t sites;
};

/* Accesses of some files, as they are met with. The notes are the caller's, and outlive it. */
struct mk_census {
    const struct mk_notes *notes;
    size_t notes_n;
    struct mk_access *at;
    size_t n;
    struct mk_census_site {
        size_t access; /* SIZE_MAX: of none of the files */
        uint64_t seen; /* hits when it was last counted */
    } *sites; /* by mk_site_nth */
    size_t sites_n;
};

void mk_census_open(struct mk_census *census, const struct mk_notes *notes, size_t notes_n);
void mk_census_free(struct mk_census *census);

/* Counts what was hit since the last time. *reached, where it is not NULL, gets a byte for each of census->n
 * accesses there are now, 1 if it was; the caller's. */
void mk_census_count(struct mk_census *census, uint8_t **reached);

/* Returns the frame that a site is told by: the innermost one that is in no header; NULL where nothing is known. */
const struct mk_symbol *mk_census_frame(const struct mk_symbol *symbol);

/* Returns whether two paths name the same source file, one of them perhaps from a folder further down. */
bool mk_census_same_file(const char *a, const char *b);

#endif
