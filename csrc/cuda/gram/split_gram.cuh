// The lower triangles of large Gram matrices, by many blocks each. A block forms one unit of a candidate's triangle,
// 256 rows against themselves or 128 rows against 256 that precede them, over one part of the columns; whoever solves
// the matrix adds the parts up, in their order.
#pragma once
#include "cuda/gram/gram.cuh"
#include "cuda/gram/selection.cuh"
#include "cuda/kernels/call.cuh"

namespace saln::device {

class SplitGram {
 public:
  static constexpr int threads = 256;
  static constexpr int kTall = 128, kWide = 256;  // rows and columns of a rectangle; a triangle has kWide
  // Smaller matrices are one block's work; larger ones are many blocks' workspace.
  static constexpr int kSmallest = kWide + 1, kLargest = 1024;

 private:
  static constexpr int kSlab = 64, kStage = (kTall + kWide) * kSlab, kStages = 3;  // bytes of a row, and of all
  // Blocks that work on a matrix, and slabs of a part at least.
  static constexpr int kBlocks = 32, kMostParts = 8, kPart = 64;

 public:
  // Units of a matrix: triangles, then rectangles under them.
  static SALN_HD int triangles(int64_t order) { return int((order + kWide - 1) / kWide); }
  static SALN_HD int units(int64_t order) {
    const int64_t rest = (order + kTall - 1) / kTall - 1;
    return triangles(order) + int(rest * rest / 4);
  }
  static SALN_HD int slabs(const View& v) { return int((v.cols * size_of(v.dtype) + kSlab - 1) / kSlab); }
  // By the matrix's shape alone: in any company it has the same bits.
  static SALN_HD int parts(const View& v, int64_t order) {
    const int most = kBlocks / units(order) < kMostParts ? kBlocks / units(order) : kMostParts;
    const int enough = slabs(v) / kPart;
    return enough < 2 || most < 2 ? 1 : enough < most ? enough : most;
  }
  // Numbers of a candidate's parts, each a tile of quads.
  static SALN_HD int64_t elements(int64_t order, int parts) { return parts * tile_elements(order, true); }

  SALN_HD SplitGram(const Call& call, Memory& shared)
      : call_(call),
        stages_(shared.take<char>(kStages * kStage)),
        unit_(shared.take<Unit>(1)),
        rows_(shared, call.problem.size) {}

  static int64_t shared_bytes(const Call& call) {
    Memory shared(nullptr);
    SplitGram(call, shared);
    return int64_t(shared.used());
  }

  SALN_DEVICE void run() const {
    const Group<threads> g(nullptr);
    const int each = units(call_.problem.size) * call_.choice.parts;
    const int64_t number = block_rank() / each;  // of the candidate in this launch
    rows_.read(g, call_.problem, call_.first + number);
    if (g.rank == 0) *unit_ = Unit(call_, number, block_rank() % each, rows_.n());
    g.sync();
    if (!rows_.valid() || unit_->tall <= 0) return;
    if (unit_->second < 0)
      triangle(g);
    else
      rectangle(g);
  }

 private:
  // What a block forms. Of a launch, blocks take units of a part, parts of a candidate, candidates: what is read
  // together runs together. It lies in shared memory, since registers are few.
  struct Unit {
    int begin, end;           // slabs
    int first, tall, second;  // rows `first` and following, against `second` and following; −1: against themselves
    int n;                    // real rows of the candidate
    float* tile;              // where its part goes

    SALN_DEVICE Unit(const Call& call, int64_t candidate, int block, int real) : second(-1), n(real) {
      const int order = int(call.problem.size), parts = call.choice.parts, part = block / units(order);
      const int all = slabs(call.problem.features), each = (all + parts - 1) / parts;
      begin = part * each;
      end = begin + each < all ? begin + each : all;
      tile = call.parts + (candidate * parts + part) * tile_elements(order, true);
      int number = block % units(order);
      if (number < triangles(order)) {
        first = number * kWide;
      } else {
        int panel = 2;  // of 128 rows, under panel / 2 of 256
        for (number -= triangles(order); number >= panel / 2; ++panel) number -= panel / 2;
        first = panel * kTall;
        second = number * kWide;
      }
      tall = n - first;
      const int most = second < 0 ? kWide : kTall;
      if (tall > most) tall = most;
    }
    // The number of the row at a place of a stage, where a rectangle's columns follow its rows; −1 where there is none.
    SALN_DEVICE int row(int at) const {
      return second >= 0 && at >= kTall ? second + at - kTall : at < tall ? first + at : -1;
    }
  };

  template <class G>
  SALN_DEVICE void triangle(const G& g) const {
    WarpStrips<float, kWide, kSlab, G::warps> sums(g.warp, (unit_->tall + kStrip - 1) / kStrip, false);
    each_slab<kWide>(g, [&](const char* stage, auto kind) { sums.template add<decltype(kind)>(stage, stage, g.lane); });
    const int first = unit_->first;
#pragma unroll
    for (int k = 0; k < sums.kColumns; ++k) {
      const int column = first + k * kStrip;
      if (k < sums.lower_end) put(sums.block[k], first + sums.lower * kStrip, column);
      if (2 * k < sums.kColumns && k < sums.upper_end)
        put(sums.block[sums.kColumns - k], first + sums.upper * kStrip, column);
    }
  }

  // A warp's part of a rectangle: of all shapes the one that loads the fewest fragments a product.
  struct Square {
    static constexpr int kSide = 64, kStrips = kSide / kStrip, kAcross = kWide / kSide;
    Block<float> block[kStrips * kStrips];

    // Where a warp's rows and columns begin.
    static SALN_DEVICE int row(int warp) { return warp / kAcross * kSide; }
    static SALN_DEVICE int column(int warp) { return warp % kAcross * kSide; }

    // `tall`: rows there are.
    template <class Kind>
    SALN_DEVICE void add(const char* rows, int tall, const char* columns, int lane) {
      using Held = Steps<Kind, kTall + kWide, kSlab, 2>;
#pragma unroll 1
      for (int step = 0; step < Held::kCount; step += Held::kTogether) {
        Held held[kStrips], across;
#pragma unroll
        for (int j = 0; j < kStrips; ++j) held[j].load_columns(columns, j, step, lane);
#pragma unroll
        for (int i = 0; i < kStrips; ++i) {
          if (i * kStrip >= tall) break;
          across.load_rows(rows, i, step, lane);
#pragma unroll
          for (int j = 0; j < kStrips; ++j) block[i * kStrips + j].add(across, held[j]);
        }
      }
    }
  };

  template <class G>
  SALN_DEVICE void rectangle(const G& g) const {
    Square sums;
#pragma unroll
    for (Block<float>& b : sums.block) b.clear();
    const int place = Square::row(g.warp), tall = unit_->tall - place;
    const int rows = place * kSheet, columns = (kTall + Square::column(g.warp)) * kSheet;
    each_slab<kTall + kWide>(g, [&](const char* stage, auto kind) {
      if (tall > 0) sums.template add<decltype(kind)>(stage + rows, tall, stage + columns, g.lane);
    });
    const int row = unit_->first + Square::row(g.warp), column = unit_->second + Square::column(g.warp);
#pragma unroll
    for (int i = 0; i < Square::kStrips; ++i)
#pragma unroll
      for (int j = 0; j < Square::kStrips; ++j)
        put(sums.block[i * Square::kStrips + j], row + i * kStrip, column + j * kStrip);
  }

  // A thread's copies: the same piece of every 64th row. Row numbers are read again every time: registers are few.
  template <int kRows>
  struct Copies {
    static constexpr int kApart = threads / 4;
    const char* from;  // its piece of the next slab of row 0
    int64_t left;      // bytes of a row from there on
    uint32_t stride;
    int line, to;

    SALN_DEVICE Copies(const View& view, int slab) {
      const int rank = thread_rank(), piece = rank % 4, size = size_of(view.dtype);
      const int64_t at = int64_t(slab) * kSlab + piece * kPiece;
      from = static_cast<const char*>(view.data) + at;
      left = view.cols * size - at;
      stride = uint32_t(view.row_stride) * uint32_t(size);
      line = rank / 4;
      to = place(line, piece);
    }
    SALN_DEVICE void send(const Unit& unit, const int64_t* row, char* stage) {
      if (left >= kPiece)
        each_row(unit, row, stage,
                 [](uint32_t there, char* place, const char* start) { copy_async_if(there, place, start); });
      else
        each_row(unit, row, stage, [bytes = left > 0 ? int(left) : 0](uint32_t there, char* place, const char* start) {
          if (there) copy_async(place, start, bytes);
        });
      from += left >= kPiece ? kSlab : 0;  // nothing follows what is less than a piece
      left -= kSlab;
    }

   private:
    template <class Copy>
    SALN_DEVICE void each_row(const Unit& unit, const int64_t* row, char* stage, const Copy& copy) const {
      const int first = unit.first + line, second = unit.second + line - kTall, tall = unit.tall - line;
#pragma unroll
      for (int k = 0; k < kRows / kApart; ++k) {
        const int ahead = k * kApart;
        const bool column = kRows > kWide && ahead >= kTall, there = column || ahead < tall;
        const int64_t r = there ? row[(column ? second : first) + ahead] : 0;
        copy(there, stage + to + ahead * kSheet, from + uint64_t(uint32_t(r)) * stride);
      }
    }
  };

  // add(stage, kind) for every slab of the unit, of kRows rows at most. A loop for each kind: what one keeps in
  // registers does not crowd the others.
  template <int kRows, class G, class Add>
  SALN_DEVICE void each_slab(const G& g, const Add& add) const {
    const View& view = call_.problem.features;
    const bool pieces = in_pieces(view);
    with_kind<float>(view.dtype, call_.problem.allow_tf32, [&](auto kind) {
      Copies<kRows> copies(view, unit_->begin);
      const int end = unit_->end;
      int now = kStage;  // where slab number `slab` lies; number `slab` + 2 goes where the one before was
#pragma unroll 1
      for (int slab = unit_->begin - (kStages - 1); slab < end; ++slab) {
        if (slab >= unit_->begin) {
          wait_copies<kStages - 2>();
          g.sync();
        }
        char* const next = stages_ + (now ? now : kStages * kStage) - kStage;
        if (slab + kStages - 1 < end) {
          if (pieces)
            copies.send(*unit_, rows_.row, next);
          else
            send_elements<kRows>(slab + kStages - 1, next);
        }
        commit_copies();
        if (slab >= unit_->begin) add(stages_ + now, kind);
        now = now + kStage < kStages * kStage ? now + kStage : 0;
      }
    });
  }

  // Where pieces of rows are not aligned, or their elements do not follow one another.
  template <int kRows>
  SALN_DEVICE void send_elements(int slab, char* to) const {
    if (size_of(call_.problem.features.dtype) == 2)
      send_elements<kRows, uint16_t>(slab, to);
    else
      send_elements<kRows, uint32_t>(slab, to);
  }
  template <int kRows, class Element>
  SALN_DEVICE void send_elements(int slab, char* to) const {
    constexpr int kPer = kSlab / int(sizeof(Element)), kPerPiece = kPiece / int(sizeof(Element));
    const View& view = call_.problem.features;
#pragma unroll 1
    for (int at = thread_rank(); at < kRows * kPer; at += threads) {
      const int line = at / kPer, t = at % kPer, r = unit_->row(line);
      if (r < 0) continue;
      const int64_t column = int64_t(slab) * kPer + t;
      Element x = 0;
      if (column < view.cols)
        x = static_cast<const Element*>(view.data)[rows_.row[r] * view.row_stride + column * view.col_stride];
      reinterpret_cast<Element*>(to + place(line, t / kPerPiece))[t % kPerPiece] = x;
    }
  }

  // A block's entries up to the diagonal, and behind it as far as its rows have room.
  SALN_DEVICE void put(const Block<float>& block, int row, int column) const {
    const int lane = thread_rank() % 32, j = column + lane % 4 * 2;
#pragma unroll
    for (int which = 0; which < 2; ++which) {
      const int i = row + 8 * which + lane / 4;
      if (i >= unit_->n) continue;
      float* to = unit_->tile + quad_row(i) + j;
#pragma unroll
      for (int half = 0; half < 2; ++half)
        if (j + 8 * half <= (i | 3))
          store_two(to + 8 * half, block.total[half][2 * which], block.total[half][2 * which + 1]);
    }
  }

  const Call& call_;
  // What comes first has constant places, which need no registers.
  char* stages_;
  Unit* unit_;
  Selection rows_;
};

}  // namespace saln::device
