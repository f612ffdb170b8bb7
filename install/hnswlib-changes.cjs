/*
 * What compile-hnswlib.cjs changes in the source of hnswlib-node before it compiles it. Graphs and answers stay the same, bit for bit:
 *
 *   - a vector may be a Float32Array, which is copied at once; of an array each number is a call of 60 ns;
 *   - of the neighbours of a point, those already visited are left out first, so that each of the others is on its way from memory, in
 *     whole, while another one is compared;
 *   - points lie in huge pages where the system has them: a search jumps through all of a graph, and each jump to a small page waits
 *     for the page's place first.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** Part of the name of each build. Raise it when a change below changes: older builds are not loaded any more. */
const revision = 'vimi1';

const addon = 'src/addon.cc';
const algorithm = 'src/hnswlib/hnswalg.h';

/** Each `from` stands there exactly so often (once), behind `after`. */
const changes = [
  {
    file: addon,
    from: '} // namespace\n',
    to: `
/** A vector from JavaScript. */
class Numbers {
  Napi::Value value_;

public:
  explicit Numbers(const Napi::Value& value) : value_(value) {}

  static bool isTyped(const Napi::Value& value) {
    return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_float32_array;
  }

  uint32_t Length() const {
    if (isTyped(value_)) return static_cast<uint32_t>(value_.As<Napi::Float32Array>().ElementLength());
    return value_.As<Napi::Array>().Length();
  }

  void copyTo(std::vector<float>& vec) const {
    if (isTyped(value_)) {
      const Napi::Float32Array typed = value_.As<Napi::Float32Array>();
      std::copy(typed.Data(), typed.Data() + vec.size(), vec.begin());
      return;
    }
    const Napi::Array arr = value_.As<Napi::Array>();
    for (uint32_t i = 0; i < vec.size(); i++) vec[i] = arr.Get(i).As<Napi::Number>().FloatValue();
  }
};
} // namespace
`,
  },
  {
    file: addon,
    after: 'class HierarchicalNSW :',
    times: 2,
    from: 'if (!info[0].IsArray()) {',
    to: 'if (!info[0].IsArray() && !Numbers::isTyped(info[0])) {',
  },
  {
    file: addon,
    after: 'class HierarchicalNSW :',
    times: 2,
    from: 'Napi::Array arr = info[0].As<Napi::Array>();',
    to: 'const Numbers arr(info[0]);',
  },
  {
    file: addon,
    after: 'class HierarchicalNSW :',
    times: 2,
    from: `    for (uint32_t i = 0; i < dim_; i++) {
      Napi::Value val = arr[i];
      vec[i] = val.As<Napi::Number>().FloatValue();
    }
`,
    to: '    arr.copyTo(vec);\n',
  },
  {
    file: algorithm,
    from: '#include <memory>\n\nnamespace hnswlib {\n',
    to: `#include <memory>
#include <sys/mman.h>

namespace hnswlib {
static const size_t huge_page = 1 << 21;

static char *allocatePoints(size_t bytes) {
    const size_t whole = (bytes + huge_page - 1) / huge_page * huge_page;
    char *points = (char *) aligned_alloc(huge_page, whole);
    // Only asked for: the system may have none.
    if (points != nullptr) madvise(points, whole, MADV_HUGEPAGE);
    return points;
}

// As realloc, which would break the huge pages up. What was moved is given back at once.
static char *movePoints(char *points, size_t used, size_t bytes) {
    char *moved = allocatePoints(bytes);
    if (moved == nullptr) return nullptr;
    for (size_t at = 0; at < used; at += huge_page) {
        memcpy(moved + at, points + at, std::min(huge_page, used - at));
        madvise(points + at, huge_page, MADV_DONTNEED);
    }
    free(points);
    return moved;
}

`,
  },
  {
    file: algorithm,
    from: 'malloc(max_elements_ * size_data_per_element_)',
    to: 'allocatePoints(max_elements_ * size_data_per_element_)',
  },
  {
    file: algorithm,
    from: 'malloc(max_elements * size_data_per_element_)',
    to: 'allocatePoints(max_elements * size_data_per_element_)',
  },
  {
    file: algorithm,
    from: 'realloc(data_level0_memory_, new_max_elements * size_data_per_element_)',
    to: `movePoints(
            data_level0_memory_, cur_element_count * size_data_per_element_, new_max_elements * size_data_per_element_)`,
  },
  {
    file: algorithm,
    from: '    int getRandomLevel(double reverse_size) {\n',
    to: `    void prefetchData(tableint id) const {
        for (size_t at = 0; at < data_size_; at += 64)
            _mm_prefetch(getDataByInternalId(id) + at, _MM_HINT_T0);
    }

    // Two at a time: one is compared, the next is on its way.
    static const size_t ahead = 2;

    // Which of these were not visited. From now on they are.
    size_t visit(const tableint *ids, size_t count, vl_type *visited, vl_type tag, std::vector<tableint> &fresh) const {
        size_t found = 0;
        for (size_t i = 0; i < count; i++) {
            fresh[found] = ids[i];
            found += visited[ids[i]] != tag;
            visited[ids[i]] = tag;
        }
        for (size_t i = 0; i < std::min(found, ahead); i++) prefetchData(fresh[i]);
        return found;
    }

    int getRandomLevel(double reverse_size) {
`,
  },
  // The search for the neighbours of a new point.
  {
    file: algorithm,
    after: 'searchBaseLayer(tableint ep_id',
    from: '        while (!candidateSet.empty()) {\n',
    to: '        std::vector<tableint> fresh(maxM0_);\n        while (!candidateSet.empty()) {\n',
  },
  {
    file: algorithm,
    from: `            for (size_t j = 0; j < size; j++) {
                tableint candidate_id = *(datal + j);
//                    if (candidate_id == 0) continue;
#ifdef USE_SSE
                _mm_prefetch((char *) (visited_array + *(datal + j + 1)), _MM_HINT_T0);
                _mm_prefetch(getDataByInternalId(*(datal + j + 1)), _MM_HINT_T0);
#endif
                if (visited_array[candidate_id] == visited_array_tag) continue;
                visited_array[candidate_id] = visited_array_tag;
`,
    to: `            const size_t found = visit(datal, size, visited_array, visited_array_tag, fresh);
            for (size_t j = 0; j < found; j++) {
                tableint candidate_id = fresh[j];
                if (j + ahead < found) prefetchData(fresh[j + ahead]);
`,
  },
  // The search of an answer.
  {
    file: algorithm,
    after: 'searchBaseLayerST(',
    from: '        while (!candidate_set.empty()) {\n',
    to: '        std::vector<tableint> fresh(maxM0_);\n        while (!candidate_set.empty()) {\n',
  },
  {
    file: algorithm,
    from: `            for (size_t j = 1; j <= size; j++) {
                int candidate_id = *(data + j);
//                    if (candidate_id == 0) continue;
#ifdef USE_SSE
                _mm_prefetch((char *) (visited_array + *(data + j + 1)), _MM_HINT_T0);
                _mm_prefetch(data_level0_memory_ + (*(data + j + 1)) * size_data_per_element_ + offsetData_,
                                _MM_HINT_T0);  ////////////
#endif
                if (!(visited_array[candidate_id] == visited_array_tag)) {
                    visited_array[candidate_id] = visited_array_tag;

`,
    to: `            const size_t found = visit((tableint *) (data + 1), size, visited_array, visited_array_tag, fresh);
            for (size_t j = 0; j < found; j++) {
                int candidate_id = fresh[j];
                if (j + ahead < found) prefetchData(fresh[j + ahead]);
                {
`,
  },
];

/** In a copy of the source. Throws where it is not the source that the changes are for. */
function change(folder) {
  for (const { file, from, to, after = '', times = 1 } of changes) {
    const path = join(folder, file);
    const text = readFileSync(path, 'utf8');
    const start = text.indexOf(after);
    const parts = text.slice(start).split(from);
    if (start < 0 || parts.length !== times + 1) throw new Error(`${file} is not the file that vimi changes`);
    writeFileSync(path, text.slice(0, start) + parts.join(to));
  }
}

module.exports = { change, revision };
