// What the kernels that form a matrix have in common: build it, reduce it, find its spectrum, write results.
#pragma once
#include "cuda/gram/pivots.cuh"
#include "cuda/kernels/emit.cuh"
#include "cuda/kernels/parts.cuh"
#include "cuda/solve/exact.cuh"

namespace saln::device {

// Self offers reduce(g, tile): from the tile to d, e, tau and reflectors in it; if kIterates, what comes before,
// iterate(g, tile); and if kEstimates, take_estimate and expand, which say what was found otherwise.
template <class Self, class T_, class G_, int kOrder>
class CandidateKernel {
 public:
  using T = T_;
  using G = G_;
  static constexpr int threads = G::threads;
  static constexpr bool kHasMatrix = true;
  using Products = typename Builder<T, G, kOrder>::Products;

  SALN_DEVICE void begin() const { builder_.begin(G(scratch_)); }

  // Says, once it is known, whether there is something to solve. Ends with a barrier.
  template <Part kPart>
  SALN_DEVICE bool run_part(int64_t c) const {
    G g(scratch_);
    if constexpr (kPart == Part::gather) gather<Way::rows>(g, c);
    if constexpr (kPart == Part::gather_panels) gather<Way::panels>(g, c);
    if constexpr (kPart == Part::gather_parts) gather<Way::parts>(g, c);
    if constexpr (kPart == Part::transform) transform(g);
    if constexpr (kPart == Part::prepare) build<false>(g, c);
    if constexpr (kPart == Part::prepare_columns) build<true>(g, c);
    if constexpr (kPart == Part::iterate) self().iterate(g, tile());
    if constexpr (kPart == Part::solve) self().reduce(g, tile());
    if constexpr (kPart == Part::vectors) find_vectors(g);
    if constexpr (kPart == Part::pivots) find_pivots(g);
    if constexpr (kPart == Part::write) emit(g, c);
    g.sync();
    return kPart > Part::transform && state_->solve;
  }

 protected:
  struct State {
    Built<T> built;
    Moments moments;
    T sigma;
    int n;       // order of the tile
    T rest;      // of an iterative solver: what its space leaves over
    int found;   // and how many values it found
    T residual;  // of a Fiedler pair
    T log_det;
    bool solve;
  };

  // Stages as Builder takes them. `order`, `count`: of what is solved; constants where kOrder is.
  template <class Near>
  SALN_HD CandidateKernel(const Call& call, Memory& shared, char* stages, int n_stages, Near& near, int64_t order,
                          int64_t count)
      : call_(call),
        scratch_(shared.take<double>(2 * G::warps)),
        state_(shared.take<State>(1)),
        builder_(call, stages, n_stages, near),
        exact_(order, count, near),
        trivial_(builder_.quality()) {}

  SALN_DEVICE const Self& self() const { return static_cast<const Self&>(*this); }

  SALN_DEVICE Tile<T> new_tile() const {
    return Tile<T>{tile_, 0, call_.choice.fiedler ? trivial_ : nullptr, 0, Self::kQuads};
  }
  SALN_DEVICE Tile<T> tile() const {
    return Tile<T>{tile_, state_->n, call_.choice.fiedler ? trivial_ : nullptr, state_->sigma, Self::kQuads};
  }

  // In the workspace, where vectors are wanted; where not, no register holds its pointers.
  SALN_DEVICE VectorSpace<T> space() const {
    Memory far(call_.workspace + block_rank() * call_.workspace_stride);
    return VectorSpace<T>(kOrder ? kOrder : call_.choice.order, call_.choice.count, far);
  }

  const Call& call_;
  double* scratch_;
  State* state_;
  Builder<T, G, kOrder> builder_;
  Exact<T> exact_;
  T *trivial_, *tile_ = nullptr;

 private:
  template <Way kWay>
  SALN_DEVICE void gather(const G& g, int64_t c) const {
    Tile<T> tile = new_tile();
    builder_.template gather<kWay>(g, c, tile);
  }

  SALN_DEVICE void transform(G& g) const {
    Tile<T> tile = new_tile();
    const Built<T> built = builder_.transform(g, tile);
    if (g.rank == 0) {
      state_->built = built;
      state_->sigma = tile.sigma;
    }
  }

  template <bool kColumns>
  SALN_DEVICE void build(G& g, int64_t c) const {
    const Choice& choice = call_.choice;
    Tile<T> tile = new_tile();
    Built<T> built;
    if constexpr (kColumns) {
      built = builder_.covariance(g, tile);
    } else if (choice.transforms) {
      built = state_->built;
      tile.n = built.real;
      tile.sigma = state_->sigma;
      g.sync();
    } else {
      built = builder_.plain(g, tile);
    }
    const T square = builder_.scale(g, tile, built);
    const bool good = !built.bad && built.real > 0, values = choice.need == Need::eigenvalues;
    Moments seen;
    if (good && (values || choice.need == Need::moments)) seen = moments(g, tile, square);
    if (good && choice.need == Need::moments && call_.task.criterion == Criterion::eigenvalue_variance)
      seen.variance = variance(g, tile, built.real, seen.trace);
    if (good && choice.fiedler && choice.vectors) space().keep(g, tile);
    if (g.rank == 0) *state_ = State{built, seen, tile.sigma, tile.n, 0, 0, 0, 0, good && values};
    builder_.look_ahead(g, c + grid_size());
  }

  SALN_DEVICE bool estimates() const { return Self::kEstimates && call_.choice.solver == Solver::randomized; }

  // Values with their vectors, and how well a Fiedler pair is one.
  SALN_DEVICE void find_vectors(G& g) const {
    const Tile<T> whole = tile();
    const VectorSpace<T> found = space();
    const T* values = exact_.values;
    if (estimates()) {
      if constexpr (Self::kEstimates) {
        Solution<T> s;
        self().take_estimate(s);
        values = s.values;
        self().expand(g, whole, found.vectors);
      }
    } else {
      const int count = exact_count(whole);
      const T scale = exact_.find_values(g, whole.n, count);
      found.find(g, whole, exact_, count);
      exact_.scale_values(g, count, scale);
    }
    if (!call_.choice.fiedler) return;
    Tile<T> kept = whole;
    kept.data = found.copy;
    const T residual = fiedler_residual(g, kept, found.vectors, values[0]);
    if (g.rank == 0) state_->residual = residual;
  }

  SALN_DEVICE void find_pivots(G& g) const {
    const Built<T> built = state_->built;
    if (built.bad || built.real == 0) return;
    const double factor = double(built.scale) / (call_.task.parameter * call_.task.parameter);
    const T found = log_det(g, tile(), T(factor), builder_.work());
    if (g.rank == 0) state_->log_det = found;
  }

  SALN_DEVICE void emit(G& g, int64_t c) const {
    const Emitter<T> emitter(call_);
    if (call_.choice.need == Need::nothing) {
      emitter.gram(g, c, state_->built, builder_.selection(), tile());
      return;
    }
    Solution<T> s;
    if (state_->solve) take_spectrum(g, s);
    s.moments = &state_->moments;
    s.log_det = state_->log_det;
    emitter.spectrum(g, c, state_->built, builder_.selection().position, s);
  }

  SALN_DEVICE void take_spectrum(G& g, Solution<T>& s) const {
    const Tile<T> whole = tile();
    if (estimates()) {
      if constexpr (Self::kEstimates) self().take_estimate(s);
    } else {
      s.values = exact_.values;
      s.found = exact_count(whole);
      if (!call_.choice.vectors) exact_.scale_values(g, s.found, exact_.find_values(g, whole.n, s.found));
    }
    if (s.found > state_->built.real) s.found = state_->built.real;
    if (!call_.choice.vectors) return;
    s.vectors = space().vectors;
    s.residual = state_->residual;
  }

  SALN_DEVICE int exact_count(const Tile<T>& tile) const {
    return call_.choice.count < tile.n ? call_.choice.count : tile.n;
  }
};

}  // namespace saln::device
